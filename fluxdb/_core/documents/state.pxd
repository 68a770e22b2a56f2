"""The state: the table, the remembered tombstones, the version floors, and the place in the log that they stand for."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fluxdb._core.base.platform cimport pthread_mutex_t
from fluxdb._core.base.clock cimport Clock, clock_is_past
from fluxdb._core.documents.expiry cimport Expiries
from fluxdb._core.documents.ordered cimport OrderedKeys
from fluxdb._core.documents.table cimport (
    RECORD_DUE, RECORD_EXPIRES, RECORD_TOMBSTONE, Record, Table, record_expires_at,
)

cdef enum:
    SHARD_BITS = 12         # 4,096 shards: a view copies one of them under the lock
    FLOOR_BUCKETS = 4096    # by CRC-32C of the key; in the files, so never to be changed

cdef struct LogPosition:
    uint64_t revision       # the last one before this place (0: none)
    uint64_t group          # likewise
    uint64_t segment
    uint64_t offset         # where the next group begins
    uint32_t chain          # checksum of the last group's header

cdef struct Tombstone:
    uint64_t hash
    uint64_t revision

# Oldest first; entries of keys that were written again are stale, and skipped when they come up. A sweep drops them, a
# few with each push: the entries it kept stand at head, then comes a gap, then those it has not looked at yet.
cdef struct TombstoneQueue:
    Tombstone* ring
    size_t capacity         # a power of two; the indices below are taken modulo it
    size_t head
    size_t kept             # by the sweep that is on; 0 where none is
    size_t unswept          # the first entry that the sweep has not looked at; head where none is on
    size_t tail             # behind the last entry
    bint sweeping

cdef struct ViewState:
    bint open
    bint failed             # no memory to keep a record: the view is not whole
    uint64_t revision
    uint32_t next_shard     # the shards before it were copied
    Record** kept           # records of the view that were replaced before they were copied: the view owns them
    size_t kept_count
    size_t kept_capacity

# All but lock is guarded by lock.
cdef struct State:
    pthread_mutex_t lock
    Table table
    LogPosition position    # of the last group applied
    uint64_t revision       # of the last record applied: runs ahead of position while a group is being applied
    bint applying           # a group is being applied, in several holds of the lock
    size_t live
    size_t tombstones
    size_t tombstones_max
    size_t data_bytes       # keys and values of live documents
    uint64_t logged         # bytes that the committer wrote to the log up to position
    TombstoneQueue queue
    uint64_t forgotten_revision # the latest of a tombstone that was forgotten: what changed before is not fully known
    Expiries expiries
    Clock clock
    uint64_t* floors        # NULL while all are 0
    ViewState view
    OrderedKeys ordered
    pthread_mutex_t building_lock   # held while the index is built; taken before lock

# Takes the lock at a moment when no group is half applied.
cdef void state_lock_between_groups(State* state) noexcept nogil

# Takes the lock when every document whose time is over is marked: not counted, and out of the order of keys.
cdef void state_lock_marked(State* state) noexcept nogil

# With the lock held:

# Is there a document to show? Every read asks this. A document whose time is over is shown no more, removed or not.
cdef inline bint record_is_live(State* state, const Record* record) noexcept nogil:
    if not record.flags & (RECORD_TOMBSTONE | RECORD_EXPIRES):
        return True
    return not record.flags & RECORD_TOMBSTONE and not record_is_past(state, record)

# Is its time over? It may be removed, then.
cdef inline bint record_is_past(State* state, const Record* record) noexcept nogil:
    return record.flags & RECORD_EXPIRES != 0 and clock_is_past(&state.clock, record_expires_at(record))

# Marks documents whose time is over, so many at most: they are counted no more. False: all are marked.
cdef bint state_mark_due(State* state, size_t entries_max) noexcept nogil
# The number of documents to show, as far as state_mark_due marked the others.
cdef inline size_t state_shown(const State* state) noexcept nogil:
    return state.live - state.expiries.hidden

# The version that the key's next write gets, where the table holds no record of it.
cdef uint64_t state_floor(State* state, const uint8_t* key, size_t key_bytes) noexcept nogil
# Makes record the key's state; the caller releases replaced. -1: no memory, nothing changed.
cdef int state_apply(State* state, Record* record, uint64_t hash, Record** replaced) noexcept nogil
# Brings the tombstones back to their bound, oldest first; what they knew of versions goes into the floors. To be called
# behind each group, here and in replay: the same groups then make the same state. Not before the group is unstaged: the
# staged table may point to the tombstones that this frees.
cdef void state_forget(State* state) noexcept nogil
# Frees a record that left the table, or hands it to the view or to the reader that needs it still.
cdef void state_release(State* state, Record* record, uint64_t hash) noexcept nogil

# Frees a record that no table holds, or leaves that to the last one who has it pinned.
cdef void state_drop(Record* record) noexcept nogil

# Without the lock, which they take: a pinned record is not freed, and its key and value can be read without the lock.
# False: it has as many pins as it may have. The caller sees to it that the record lives still.
cdef bint state_pin(State* state, Record* record) noexcept nogil
cdef void state_unpin(State* state, Record* record) noexcept nogil

cdef void state_digest(State* state, uint64_t* first, uint64_t* second) noexcept nogil
# Puts each record of a snapshot block into the table. 0, or one of LoadComplaint.
cdef int state_load(State* state, const uint8_t* payload, size_t payload_bytes, size_t* records) noexcept nogil
# After the last block: puts the tombstones in the order of their revisions.
cdef void state_loaded(State* state) noexcept nogil

cdef enum LoadComplaint:
    LOAD_MALFORMED = 1
    LOAD_IMPOSSIBLE = 2     # a version or a revision that the snapshot can't hold
    LOAD_NO_MEMORY = 3
    LOAD_DOUBLED = 4
