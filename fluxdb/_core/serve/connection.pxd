"""One client of a server, sans I/O: its bytes in, its replies out, in the order of its requests. Needs no GIL.

A GET of a key that has a write of this peer on its way waits for that, so each request sees the effects of those
before it; a write to a key for which a GET waits stops the taking of further requests until that is answered.

Each request whose reply can't go at once has a place in the peer's queue. What is known is written there; a write's
reply is written, too, but held until the write is durable; so is everything behind it. What is rare (subscriptions,
snapshots, info, passwords, and all that is wrong) is handed to Python, and its place waits for Python's line.

All peers of a switchboard are used by one thread at a time.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from fluxdb._core.serve.replies cimport Bytes
from fluxdb._core.serve.slice cimport Slice
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

# Of requests that are not whole, or not taken yet.
cdef inline size_t peer_unread_bytes(const Peer* peer) noexcept nogil:
    return peer.input.used - peer.input_at + (peer.large.line_bytes if peer.large != NULL else 0)

# Replies, or what they are to be made of, that the client has not been sent.
cdef inline size_t peer_waiting_bytes(const Peer* peer) noexcept nogil:
    return peer_unsent(peer) + peer.held.used + peer.waiting_bytes

# The memory that all of this takes.
cdef inline size_t peer_reply_memory_bytes(const Peer* peer) noexcept nogil:
    return peer.output.capacity + peer.held.capacity + peer.place_slots * sizeof(Place) + peer.waiting_bytes

# Python has taken the oldest of what it was handed of this peer.
cdef inline void peer_handed_taken(Peer* peer) noexcept nogil:
    peer.first_handed = peer.first_handed.next_of_peer

# Of output: this was sent.
cdef void peer_sent(Peer* peer, size_t sent_bytes) noexcept nogil

# For the taking of requests.
cdef int peer_put_document(Peer* peer, const uint8_t* key, size_t key_bytes, const Slice* id) noexcept nogil
cdef Bytes* peer_target(Peer* peer) noexcept nogil
cdef int peer_written(Peer* peer, bint done, size_t start) noexcept nogil
cdef Place* peer_add_place(Peer* peer, uint8_t kind) noexcept nogil
# A new place that Python is to fill, and what it will see: id, key and password may have no data.
cdef Handed* peer_hand_over(Peer* peer, const Slice* id, const Slice* key, const Slice* password) noexcept nogil
# The same for a place that is there.
cdef Handed* peer_hand_place(
    Peer* peer, uint64_t ticket, const Slice* id, const Slice* key, const Slice* password,
) noexcept nogil
cdef inline Place* peer_place(const Peer* peer, uint64_t number) noexcept nogil:
    return &peer.places[number & (peer.place_slots - 1)]
