"""The state of one client, and of all clients that one thread serves. connection.pxd says how it is used."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fluxdb._core.base.durations cimport Durations
from fluxdb._core.commit.channel_state cimport ChannelState
from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.commit.state cimport Commit
from fluxdb._core.serve.large_lines cimport LargeLine, LargeLines
from fluxdb._core.serve.replies cimport Bytes
from fluxdb._core.base.slice cimport Slice
from fluxdb._core.serve.wire cimport WIRE_KINDS

cdef enum:
    KEY_MARKS = 64
    ANY_KEY = KEY_MARKS     # as a key mark: a write of several keys

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
    uint8_t key_mark        # PLACE_WRITE, PLACE_GET: the lowest bits of the key's hash, or ANY_KEY
    bint filled             # PLACE_PYTHON: line is there
    bint rejected           # PLACE_WRITE: the reply is an error, which rests on a write that is not durable yet
    bint named              # PLACE_WRITE: it will fail; its bytes are the key and the path that the error names
    int64_t index           # where it is named: the operation of the batch, or -1
    size_t start            # counted on from the peer's first byte; held_base is where held begins
    size_t bytes
    size_t path_bytes       # PLACE_GET, and where it is named: the path lies behind the bytes,
    size_t id_bytes         # PLACE_WRITE, PLACE_GET: and the id behind that
    uint64_t began          # PLACE_WRITE, PLACE_GET: when it was taken
    uint64_t sequence       # PLACE_WRITE: of the channel's submits
    uint8_t* line           # PLACE_PYTHON: its own memory
    size_t line_bytes
    size_t waiting_bytes    # PLACE_PYTHON: of what Python was handed, then of its line

# A request for Python, answered by peer_reply.
cdef struct Handed:
    Handed* next            # of the board's
    Handed* next_of_peer
    Peer* peer              # NULL: it is gone
    uint64_t owner_number   # whose it is, for a caller that takes the whole list and has no access to the peers
    uint64_t ticket         # the number of its place
    int kind                # WireKind: snapshot, subscribe, unsubscribe, info or auth; or what was wrong with a write
    int wire_status         # WireStatus: what can't be taken, and why
    int detail              # WIRE_BAD_JSON; WIRE_TOO_LONG: was the password told?
    size_t offset           # WIRE_BAD_JSON, WIRE_TOO_LONG
    const char* member
    Outcome outcome         # where wire_status is OK and this is not: why a write was refused
    int64_t index           # of the operation of a batch that is at fault; -1: none
    Slice id                # these point behind the struct
    Slice key
    Slice password          # or the path that a refused write names

cdef struct Peer:
    Switchboard* board
    void* owner             # whose this is
    bint closed             # gone: its writes in flight settle without it
    bint noted              # in a list of touched peers
    uint64_t revision       # of its last write
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
    bint index_failed       # there was no memory for the index that its scan needs
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
    size_t reply_start      # of the reply that was begun and is not sealed
    uint32_t writes_of[KEY_MARKS + 1]   # places that are writes, by key_mark
    uint32_t gets_of[KEY_MARKS + 1]     # and GETs; at ANY_KEY all of them

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
