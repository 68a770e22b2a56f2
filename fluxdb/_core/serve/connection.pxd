"""One client of a server, sans I/O: its bytes in, its replies out, in the order of its requests. Needs no GIL.

A GET of a key that has a write of this peer in flight waits for that write, so each request sees the effects of those
before it; a write to a key for which a GET waits stops the taking of further requests until that GET is answered.

Each request whose reply can't go at once has a slot in the peer's queue. A known reply is written there; a write's
reply is written too, but held until the write is durable, together with everything after it. Rare requests
(subscriptions, snapshots, info, passwords, and everything that is wrong) are passed to Python, and their slot waits for
Python's line.

All peers of a switchboard are used by one thread at a time.
"""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

from fluxdb._core.serve.replies cimport Bytes
from fluxdb._core.base.slice cimport Slice
from fluxdb._core.serve.state cimport Handed, Peer, Place, Switchboard

# Functions that can fail return -1 where there is no memory: close that peer.

cdef Peer* peer_new(
    Switchboard* board, void* owner, size_t line_bytes_max, size_t output_bytes_max, bint authenticated,
) noexcept nogil
# It is gone; freed now, or behind its last write.
cdef void peer_close(Peer* peer) noexcept nogil
# A line that nobody asked for (an event), behind all such lines and all replies so far; but before those that wait for
# Python, which may take its time.
cdef int peer_push(Peer* peer, const void* line, size_t line_bytes) noexcept nogil
# A reply to no request in particular, behind all that were asked for.
cdef int peer_say(Peer* peer, const void* line, size_t line_bytes) noexcept nogil
# Is nothing in the queue that a pushed line has to wait for?
cdef bint peer_may_push(const Peer* peer) noexcept nogil
# Python's line for a ticket; of one that is not there (any more): nothing.
cdef int peer_reply(Peer* peer, uint64_t ticket, const void* line, size_t line_bytes) noexcept nogil
# Lets go what may go by now, in order.
cdef int peer_release(Peer* peer) noexcept nogil
# Is more waiting here than the client may leave unread?
cdef bint peer_is_full(const Peer* peer) noexcept nogil
cdef inline size_t peer_unsent(const Peer* peer) noexcept nogil:
    return peer.output.used - peer.output_at

# Bytes of requests that are incomplete, or not taken yet.
cdef inline size_t peer_unread_bytes(const Peer* peer) noexcept nogil:
    return peer.input.used - peer.input_at + (peer.large.line_bytes if peer.large != NULL else 0)

# Replies, or the parts that they will be made of, that have not been sent to the client.
cdef inline size_t peer_waiting_bytes(const Peer* peer) noexcept nogil:
    return peer_unsent(peer) + peer.held.used + peer.waiting_bytes

# The memory that all of this takes.
cdef inline size_t peer_reply_memory_bytes(const Peer* peer) noexcept nogil:
    return peer.output.capacity + peer.held.capacity + peer.place_slots * sizeof(Place) + peer.waiting_bytes

# Python has taken the oldest of the requests that this peer handed over.
cdef inline void peer_handed_taken(Peer* peer) noexcept nogil:
    peer.first_handed = peer.first_handed.next_of_peer

# So many bytes of the output were sent.
cdef void peer_sent(Peer* peer, size_t sent_bytes) noexcept nogil

# For those who carry out requests.

# A reply that is known: begin says where its line goes, seal gives the line its place in the queue. Nothing else may
# happen to the peer in between. written: the line is whole; seal returns -1 where it is not.
cdef Bytes* peer_begin_reply(Peer* peer) noexcept nogil
cdef int peer_seal_reply(Peer* peer, bint written) noexcept nogil
# Is a write of that key in flight, so that a GET has to wait for it?
cdef bint peer_key_written(const Peer* peer, uint8_t key_mark) noexcept nogil
# A GET that is answered when it is its turn.
cdef int peer_hold_get(
    Peer* peer, uint8_t key_mark, const Slice* key, const Slice* path, const Slice* id,
) noexcept nogil
# May a write of that key, or of ANY_KEY, be submitted? Not while a GET before it waits, nor while Python begins a
# subscription.
cdef bint peer_may_write(const Peer* peer, uint8_t key_mark) noexcept nogil
# A write: begin makes all room that it needs, before it is submitted, with number as its place. Then its reply is put
# into peer.held and sealed; a write that was not submitted is dropped. The reply leaves once the write is settled.
# reply_bytes_max: of the reply, and of the id a second time.
cdef int peer_begin_write(Peer* peer, size_t reply_bytes_max, uint64_t* number) noexcept nogil
cdef void peer_seal_write(
    Peer* peer, int wire_kind, uint8_t key_mark, bint rejected, const Slice* id,
) noexcept nogil
# For one that is known to fail, with an error that Python finds then, and that names key, path and the operation's
# index. There must be room for the texts, and for the id.
cdef void peer_seal_failing(
    Peer* peer, int wire_kind, uint8_t key_mark, const Slice* key, const Slice* path, int64_t index, const Slice* id,
) noexcept nogil
cdef void peer_drop_write(Peer* peer) noexcept nogil
# A write that was submitted, and failed: its place waits for another line, by peer_hand_place. Its
# WireKind; id points into the queue, until anything is added to it.
cdef int peer_fail_write(
    Peer* peer, uint64_t number, Slice* id, Slice* key, Slice* path, int64_t* index,
) noexcept nogil
# A new place that Python is to fill, and what it will see: id, key and password may have no data.
cdef Handed* peer_hand_over(
    Peer* peer, int wire_kind, const Slice* id, const Slice* key, const Slice* password,
) noexcept nogil
# The same for a place that is there.
cdef Handed* peer_hand_place(
    Peer* peer, uint64_t ticket, const Slice* id, const Slice* key, const Slice* password,
) noexcept nogil
cdef inline bint peer_owes_nothing(const Peer* peer) noexcept nogil:
    return peer.place_count == 0

cdef inline Place* peer_place(const Peer* peer, uint64_t number) noexcept nogil:
    return &peer.places[number & (peer.place_slots - 1)]
