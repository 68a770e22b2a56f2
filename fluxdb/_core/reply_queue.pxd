"""The replies of one connection, in the order of its requests.

Each request has a place in the queue. What is known at once is written there at once; a write's reply is written, too,
but held until the write is durable; so is everything behind it.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fluxdb._core.channel cimport Channel
from fluxdb._core.replies cimport Bytes
from fluxdb._core.state cimport State
from fluxdb._core.wire cimport WIRE_KINDS, Slice

cdef enum PlaceKind:
    PLACE_TEXT = 0          # bytes that may go as soon as it is their turn
    PLACE_WRITE = 1         # a reply that may go when the write is settled
    PLACE_GET = 2           # a GET that is to be answered when it is its turn: its bytes are the key
    PLACE_PYTHON = 3        # a reply that Python has not given yet

# A place in the queue; its bytes lie in held.
cdef struct Place:
    uint8_t kind
    uint8_t wire_kind       # PLACE_WRITE
    uint8_t key_mark        # PLACE_WRITE, PLACE_GET: the lowest byte of the key's hash
    bint filled             # PLACE_PYTHON: the reply is there
    size_t start            # counted on from the connection's first byte; held_base is where held begins
    size_t bytes
    size_t id_bytes         # PLACE_WRITE, PLACE_GET: the id lies behind the bytes
    uint64_t began          # PLACE_WRITE: when it was taken
    uint64_t sequence       # PLACE_WRITE: of the channel's submits; PLACE_PYTHON: its ticket

# All connections of one event loop.
cdef class Hub:
    cdef Channel channel
    cdef State* state
    cdef uint32_t depth_max
    cdef list writers       # for each submit that is not settled, in order: its connection
    cdef size_t writers_at
    cdef uint64_t settled
    cdef list waiting       # connections that stalled since the filling group was full
    cdef uint64_t answered[WIRE_KINDS]      # by WireKind; 0: what could not be read
    cdef uint64_t refused[WIRE_KINDS]
    cdef uint64_t now       # in ns; read once a turn of a connection, and once a collect()
    cdef readonly uint64_t write_ns_total
    cdef uint64_t write_histogram[40]       # by bits of ns, from when a write was taken to when it was answered
    cdef dict failed        # sequence -> exception, of settled submits whose reply has not gone yet

    cdef int count_write(self, uint64_t ns) noexcept

cdef class ReplyQueue:
    cdef bint noted         # in one of the hub's lists
    cdef bint closed
    cdef readonly bint choked   # output_bytes_max was reached: goes on when take() made room
    cdef size_t output_bytes_max
    cdef Hub hub
    cdef Bytes held         # the bytes of the places, the first of them at held_base
    cdef size_t held_base
    cdef Bytes output       # may be sent
    cdef Place* places      # a ring
    cdef size_t first_place
    cdef size_t place_count
    cdef size_t place_slots
    cdef uint32_t writes_of[256]    # places that are writes, by key_mark
    cdef uint32_t gets_of[256]      # and GETs
    cdef dict replies       # ticket -> what Python answered, until its turn comes

    cdef int put_document(self, const uint8_t* key, size_t key_bytes, const Slice* id) except -1
    cdef int put_error(self, code, message, const Slice* id) except -1
    cdef int put_error_members(self, members, const Slice* id) except -1
    cdef int put_exception(self, error, const Slice* id) except -1
    # Where the next reply is written that is known at once; then call written(), with where it began.
    cdef Bytes* target(self) noexcept
    cdef int written(self, bint done, size_t start) except -1
    # A new place at the end of the queue.
    cdef Place* add_place(self, uint8_t kind) except NULL
    cdef bint is_full(self) noexcept
    # Lets go what may go by now, in order.
    cdef int release(self) except -1
    cdef int settle_place(self, Place* place) except -1
