"""One client of a server, sans I/O: its bytes in, its replies out, in the order of its requests. Needs no GIL.

A GET of a key that has a write of this peer on its way waits for that, so each request sees the effects of those
before it; a write to a key for which a GET waits stops the taking of further requests until that is answered.

Each request whose reply can't go at once has a place in the peer's queue. What is known is written there; a write's
reply is written, too, but held until the write is durable; so is everything behind it. What is rare (subscriptions,
snapshots, info, passwords, and all that is wrong) is handed to Python, and its place waits for Python's line.

All peers of a switchboard are used by one thread at a time.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fluxdb._core.commit.channel_state cimport ChannelState
from fluxdb._core.base.durations cimport Durations
from fluxdb._core.serve.large_lines cimport LargeLine, LargeLines
from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.serve.replies cimport Bytes
from fluxdb._core.serve.wire cimport WIRE_KINDS, Slice
from fluxdb._core.commit.write_path cimport Commit

cdef enum:
    KEY_MARKS = 64

cdef enum PlaceKind:
    PLACE_TEXT = 0          # bytes that may go as soon as it is their turn
    PLACE_WRITE = 1         # a reply that may go when the write is settled
    PLACE_GET = 2           # a GET that is to be answered when it is its turn: its bytes are the key
    PLACE_PYTHON = 3        # a line that Python has not given yet, or that it gave
    PLACE_EVENT = 4         # lines that nobody asked for: those behind them must not go before them

# A place in the queue; its bytes lie in held.
cdef struct Place:
    uint8_t kind
    uint8_t wire_kind       # PLACE_WRITE, PLACE_PYTHON
    uint8_t key_mark        # PLACE_WRITE, PLACE_GET: the lowest bits of the key's hash
    bint filled             # PLACE_PYTHON: line is there
    size_t start            # counted on from the peer's first byte; held_base is where held begins
    size_t bytes
    size_t id_bytes         # PLACE_WRITE, PLACE_GET: the id lies behind the bytes
    uint64_t began          # PLACE_WRITE, PLACE_GET: when it was taken
    uint64_t sequence       # PLACE_WRITE: of the channel's submits
    uint8_t* line           # PLACE_PYTHON: its own memory
    size_t line_bytes
    size_t waiting_bytes    # PLACE_PYTHON: of what Python was handed, then of its line

# What Python has to answer, with peer_reply.
cdef struct Handed:
    Handed* next            # of the board's
    Handed* next_of_peer
    Peer* peer              # NULL: it is gone
    uint64_t owner_number   # for whoever takes the whole list and looks at it without the peers: whose it is
    uint64_t ticket         # the number of its place
    int kind                # WireKind: snapshot, subscribe, unsubscribe, info or auth; or what was wrong with a write
    int wire_status         # WireStatus: what can't be taken, and why
    int detail              # WIRE_BAD_JSON; WIRE_TOO_LONG: was the password told?
    size_t offset           # WIRE_BAD_JSON, WIRE_TOO_LONG
    const char* member
    Outcome outcome         # where wire_status is OK and this is not: why a write was refused
    Slice id                # these point behind the struct
    Slice key
    Slice password

cdef struct Peer:
    Switchboard* board
    void* owner             # whose this is
    bint closed             # gone: what it has on its way settles without it
    bint noted              # in a list of those who were touched
    bint served             # a write of it was taken since it last left a line
    Peer* next_noted
    Line* waits_in          # one of the board's lines; NULL: in none
    Peer* next_waiting
    Peer* previous_waiting
    Handed* first_handed    # of the board's, those that are of this peer
    Handed* last_handed
    size_t unsettled        # submits; it is freed behind the last of them
    # requests
    Bytes input             # what is not taken apart yet begins at input_at
    size_t input_at
    size_t scanned          # so many bytes from there hold no newline
    size_t line_bytes_max
    LargeLine* large        # a line that is taken apart elsewhere, or was: what is behind it waits for it
    bint skipping           # the rest of a line that was too long
    bint first_line         # none was taken yet
    bint authenticated
    bint stalled            # goes on when replies have gone, or when the group has room
    bint choked             # goes on when output has gone
    bint watching           # Python has yet to begin, or to end, a subscription: no write is taken until then
    bint ended              # the stream can't be followed any more: send what there is, and close
    bint broken             # there was no memory for it: close it
    # replies
    Bytes output            # may be sent
    size_t output_at        # was sent up to here
    size_t output_bytes_max
    Bytes held              # the bytes of the places, the first of them at held_base
    size_t held_base
    Place* places           # a ring
    size_t place_slots
    size_t place_count
    uint64_t first_place    # its number; each place's is one more than that of the one before it
    size_t waiting_bytes    # of all places
    size_t event_places
    uint32_t writes_of[KEY_MARKS]   # places that are writes, by key_mark
    uint32_t gets_of[KEY_MARKS]     # and GETs

# Linked by next_waiting and previous_waiting.
cdef struct Line:
    Peer* first
    Peer* last

cdef struct Writer:
    Peer* peer
    uint64_t place

# All peers of one event loop, or of one reactor.
cdef struct Switchboard:
    Commit* commit
    ChannelState* channel   # NULL: no more writes are taken
    Writer* writers         # a ring: for each submit that is not settled, in order, whose it is
    size_t writer_slots
    uint64_t submitted
    uint64_t settled
    # Stalled since the filling group was full; while anybody is, nobody else's write is taken. Those who had nothing of
    # the room that there was go on before those who had some.
    Line unserved
    Line served
    Handed* first_handed
    Handed* last_handed
    Bytes scratch           # one line in canonical form
    LargeLines large_lines  # those that are not taken apart there
    uint64_t now_ns         # read once a turn, and when writes were settled
    uint64_t turn_began_ns
    uint64_t turn_gets      # answered at once in this turn: switchboard_end_turn knows how long they took
    uint64_t answered[WIRE_KINDS]       # by WireKind; 0: what could not be read
    uint64_t refused[WIRE_KINDS]
    Durations durations[WIRE_KINDS]     # of GETs, and of writes that took effect: from taken to answered

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
