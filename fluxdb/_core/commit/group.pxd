"""One commit group while it fills and while it is written: its frames, and who waits for them."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fluxdb._core.base.platform cimport pthread_cond_t
from fluxdb._core.commit.channel_state cimport ChannelState
from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.documents.table cimport Record
from fluxdb._core.log.frame cimport FrameHeader, GroupHeader

# A thread that waits for its write; lives on that thread's stack.
cdef struct Waiter:
    bint settled
    int status

cdef struct Operation:
    Record* record          # what the key becomes; NULL for a refusal that rests on a write not yet durable
    uint64_t hash
    Outcome outcome         # what the channel hears once the group is durable; the waiter hears its status
    Waiter* waiter          # at most one of the two; of a batch its last operation has it
    ChannelState* channel
    uint8_t kind
    bint joined             # the next operation belongs to the same batch

cdef struct Chunk:
    uint8_t* data
    size_t used
    size_t capacity

cdef struct Group:
    Chunk* chunks           # the first one begins with room for the group's header
    size_t chunk_count
    size_t chunk_slots
    size_t body_bytes       # of all frames
    size_t record_bytes     # of all records: a PATCH of a few bytes holds the whole document that it makes
    uint32_t records
    uint64_t first_revision
    uint64_t clock_ms       # when it was closed, for the log
    Operation* operations
    size_t operation_count
    size_t operation_slots
    size_t thread_waiters
    pthread_cond_t settled  # the group's outcome is there, or one of its waiters is to lead it

cdef int group_init(Group* group) noexcept nogil
cdef void group_free(Group* group) noexcept nogil
# Empties it for the next round, keeping its first buffer.
cdef void group_reset(Group* group) noexcept nogil
# Make sure that so many more operations, with frames of that size together (0: none), can be added. -1: no memory,
# nothing changed.
cdef int group_reserve(Group* group, size_t frame_bytes, size_t operations) noexcept nogil
# Neither can fail after group_reserve.
cdef void group_add_frame(
    Group* group, const FrameHeader* header, const uint8_t* key, const uint8_t* text, uint64_t expires_at_ms,
) noexcept nogil
cdef Operation* group_add_operation(Group* group) noexcept nogil
# Writes header, frames, trailer and padding at the header's offset, however often the system stops in between.
# 0 or an errno. checksum is that of the header.
cdef int group_write(Group* group, int descriptor, const GroupHeader* header, uint32_t* checksum) noexcept nogil
