"""One commit group while it fills and while it is written: its frames, and who waits for them."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fluxdb._core.frame cimport FrameHeader, GroupHeader
from fluxdb._core.platform cimport pthread_cond_t
from fluxdb._core.table cimport Record

# What became of a write. All but the first two reach whoever asked as an exception.
cdef enum Status:
    OK = 0
    MISSING = 1             # DELETE of a key that does not exist: nothing was written
    CONFLICT = 2            # if_version did not hold
    BAD_JSON = 3            # detail: JsonStatus; offset: where
    KEY_TOO_LONG = 4
    VALUE_TOO_LARGE = 5
    NO_MEMORY = 6
    CLOSED = 7
    NO_ROOM = 8             # the disk is full: refused, nothing was written
    REFUSED = 9             # the next segment could not be made; detail: errno; nothing was written
    POISONED = 10           # an earlier group failed: not written
    UNKNOWN = 11            # this group failed: perhaps written
    WOULD_BLOCK = 12        # the filling group is full

cdef struct Outcome:
    int status
    int detail
    size_t offset
    uint64_t version
    uint64_t revision
    uint64_t expected       # CONFLICT: the version that was asked for,
    uint64_t actual         # and the one that the key has

# A thread that waits for its write; lives on that thread's stack.
cdef struct Waiter:
    bint settled
    Outcome outcome

cdef struct Failure:
    Failure* next
    uint64_t sequence       # of the channel's submits, from 0
    Outcome outcome

# An event loop that writes; guarded by the committer's lock.
cdef struct ChannelState:
    int bell[2]
    uint64_t submitted
    uint64_t settled
    uint64_t collected
    Failure* first_failure  # in order
    Failure* last_failure
    bint must_ring
    bint wants_room         # a submit was told WOULD_BLOCK
    bint closed             # freed when all that it submitted is settled
    ChannelState* next

cdef struct Operation:
    Record* record          # what the key becomes; NULL for a refusal that rests on a write not yet durable
    uint64_t hash
    Outcome outcome         # what the waiter hears once the group is durable
    Waiter* waiter          # at most one of the two
    ChannelState* channel
    uint8_t kind

cdef struct Chunk:
    uint8_t* data
    size_t used
    size_t capacity

cdef struct Group:
    Chunk* chunks           # the first one begins with room for the group's header
    size_t chunk_count
    size_t chunk_slots
    size_t body_bytes       # of all frames
    uint32_t records
    uint64_t first_revision
    Operation* operations
    size_t operation_count
    size_t operation_slots
    size_t thread_waiters
    pthread_cond_t settled  # the group's outcome is there, or one of its waiters is to lead it

cdef int group_init(Group* group) noexcept nogil
cdef void group_free(Group* group) noexcept nogil
# Empties it for the next round, keeping its first buffer.
cdef void group_reset(Group* group) noexcept nogil
# Make sure that one more operation, with a frame of that size (0: none), can be added. -1: no memory, nothing changed.
cdef int group_reserve(Group* group, size_t frame_bytes) noexcept nogil
# Neither can fail after group_reserve.
cdef void group_add_frame(
    Group* group, const FrameHeader* header, const uint8_t* key, const uint8_t* text,
) noexcept nogil
cdef Operation* group_add_operation(Group* group) noexcept nogil
# Writes header, frames, trailer and padding at the header's offset, however often the system stops in between.
# 0 or an errno. checksum is that of the header.
cdef int group_write(Group* group, int descriptor, const GroupHeader* header, uint32_t* checksum) noexcept nogil
