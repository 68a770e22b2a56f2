"""Building the index: copy the live keys shard by shard, sort them, insert them, then what changed meanwhile.

Each shard is copied under the lock, for some ten microseconds. A key that changed meanwhile is among the changes that
were noted from the beginning on; they are put in after the copied keys, in their order, so the last one of each key
decides.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memset

from fluxdb._core.base.platform cimport fluxdb_trim_heap, pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.documents.index cimport index_insert
from fluxdb._core.documents.ordered cimport KeyChanges, OrderedKeys, changes_free, changes_replay, ordered_free
from fluxdb._core.documents.state cimport SHARD_BITS, State
from fluxdb._core.documents.table cimport RECORD_DUE, RECORD_TOMBSTONE, Record, Shard, record_key, slot_record
from fluxdb._core.documents.tree cimport Index, index_free, index_new

cdef enum:
    CHANGES_AT_ONCE_MAX = 16384     # bytes of changes that are put in under the lock, at the end
    ROUNDS_MAX = 64                 # then all that is left is put in so, however much it is

# The keys of a shard: u16 bytes, key, one behind the other.
cdef struct ShardKeys:
    uint8_t* bytes
    size_t used

cdef struct SortedKey:
    uint64_t head           # of the key behind what all have in common: its first eight bytes, as a number
    const uint8_t* key      # the u16 before it

cdef struct Gathered:
    ShardKeys shards[1 << SHARD_BITS]
    SortedKey* keys
    size_t count


cdef int index_build(State* state) noexcept nogil:
    cdef int status = 0
    pthread_mutex_lock(&state.building_lock)
    if not has_index(state):
        status = build(state)
    pthread_mutex_unlock(&state.building_lock)
    return status


cdef inline bint has_index(State* state) noexcept nogil:
    cdef bint has
    pthread_mutex_lock(&state.lock)
    has = state.ordered.index != NULL
    pthread_mutex_unlock(&state.lock)
    return has


cdef int build(State* state) noexcept nogil:
    cdef Gathered* gathered = <Gathered*>malloc(sizeof(Gathered))
    cdef Index* index = index_new()
    cdef int status = -1
    pthread_mutex_lock(&state.lock)
    state.ordered.followed = True
    pthread_mutex_unlock(&state.lock)
    if gathered != NULL and index != NULL:
        memset(gathered, 0, sizeof(Gathered))
        if gather(state, gathered) == 0 and sort_keys(gathered) == 0:
            status = insert_all(gathered, index)
        free_gathered(gathered)
    free(gathered)
    fluxdb_trim_heap()      # the copied keys took several times what the index does
    if status == 0:
        status = catch_up(state, index)
    if status != 0:
        index_free(index)
        pthread_mutex_lock(&state.lock)
        ordered_free(&state.ordered)
        pthread_mutex_unlock(&state.lock)
    return status


# ---- copying ----

cdef int gather(State* state, Gathered* gathered) noexcept nogil:
    cdef uint32_t number
    cdef int status = 0
    for number in range(1 << SHARD_BITS):
        pthread_mutex_lock(&state.lock)
        status = copy_shard(&state.table.shards[number], &gathered.shards[number], &gathered.count)
        pthread_mutex_unlock(&state.lock)
        if status != 0:
            return -1
    return 0


cdef inline int copy_shard(const Shard* shard, ShardKeys* keys, size_t* count) noexcept nogil:
    cdef Record* record
    cdef uint16_t length
    cdef size_t needed, capacity = 0
    cdef uint8_t* larger
    cdef uint32_t at
    if shard.slots == NULL:
        return 0
    for at in range(shard.mask + 1):
        record = slot_record(shard.slots[at])
        if record == NULL or record.flags & (RECORD_TOMBSTONE | RECORD_DUE):
            continue
        length = record.key_bytes
        needed = keys.used + sizeof(length) + length
        if needed > capacity:
            capacity = 2 * needed if capacity else needed + 16 * shard.used
            larger = <uint8_t*>realloc(keys.bytes, capacity)
            if larger == NULL:
                return -1
            keys.bytes = larger
        memcpy(keys.bytes + keys.used, &length, sizeof(length))
        memcpy(keys.bytes + keys.used + sizeof(length), record_key(record), length)
        keys.used = needed
        count[0] += 1
    return 0


cdef void free_gathered(Gathered* gathered) noexcept nogil:
    cdef uint32_t number
    for number in range(1 << SHARD_BITS):
        free(gathered.shards[number].bytes)
    free(gathered.keys)


# ---- sorting ----

cdef inline size_t length_of(const uint8_t* key) noexcept nogil:
    cdef uint16_t length
    memcpy(&length, key - sizeof(length), sizeof(length))
    return length


cdef int sort_keys(Gathered* gathered) noexcept nogil:
    cdef size_t at, i = 0, shared
    cdef uint32_t number
    cdef ShardKeys* shard
    if gathered.count == 0:
        return 0
    gathered.keys = <SortedKey*>malloc(gathered.count * sizeof(SortedKey))
    if gathered.keys == NULL:
        return -1
    for number in range(1 << SHARD_BITS):
        shard = &gathered.shards[number]
        at = 0
        while at < shard.used:
            gathered.keys[i].key = shard.bytes + at + sizeof(uint16_t)
            at += sizeof(uint16_t) + length_of(gathered.keys[i].key)
            i += 1
    shared = shared_by_all(gathered)
    for i in range(gathered.count):
        gathered.keys[i].head = head_of(gathered.keys[i].key + shared, length_of(gathered.keys[i].key) - shared)
    qsort(gathered.keys, gathered.count, sizeof(SortedKey), by_key)
    return 0


cdef size_t shared_by_all(const Gathered* gathered) noexcept nogil:
    cdef const uint8_t* first = gathered.keys[0].key
    cdef const uint8_t* key
    cdef size_t shared = length_of(first)
    cdef size_t i, same
    for i in range(1, gathered.count):
        key = gathered.keys[i].key
        if shared > length_of(key):
            shared = length_of(key)
        if memcmp(first, key, shared) != 0:
            same = 0
            while first[same] == key[same]:
                same += 1
            shared = same
    return shared


cdef inline uint64_t head_of(const uint8_t* at, size_t left) noexcept nogil:
    cdef uint64_t head = 0
    cdef size_t i
    for i in range(8):
        head = head << 8 | (at[i] if i < left else 0)
    return head


cdef int by_key(const void* left, const void* right) noexcept nogil:
    cdef const SortedKey* a = <const SortedKey*>left
    cdef const SortedKey* b = <const SortedKey*>right
    cdef size_t a_bytes, b_bytes
    cdef int order
    if a.head != b.head:
        return 1 if a.head > b.head else -1
    a_bytes = length_of(a.key)
    b_bytes = length_of(b.key)
    order = memcmp(a.key, b.key, a_bytes if a_bytes < b_bytes else b_bytes)
    return order if order else (a_bytes > b_bytes) - (a_bytes < b_bytes)


# ---- inserting ----

cdef int insert_all(const Gathered* gathered, Index* index) noexcept nogil:
    cdef size_t i
    for i in range(gathered.count):
        if index_insert(index, gathered.keys[i].key, length_of(gathered.keys[i].key)) != 0:
            return -1
    return 0


cdef int catch_up(State* state, Index* index) noexcept nogil:
    """Put in what was noted, most of it without the lock; with the last of it the index is the state's."""
    cdef OrderedKeys* ordered = &state.ordered
    cdef KeyChanges changes
    cdef int status = 0
    cdef int rounds = 0
    while True:
        pthread_mutex_lock(&state.lock)
        if ordered.failed:
            status = -1
            break
        if ordered.changes.used <= CHANGES_AT_ONCE_MAX or rounds == ROUNDS_MAX:
            status = changes_replay(&ordered.changes, index)
            break
        changes = ordered.changes
        memset(&ordered.changes, 0, sizeof(KeyChanges))
        pthread_mutex_unlock(&state.lock)
        status = changes_replay(&changes, index)
        changes_free(&changes)
        if status != 0:
            return status
        rounds += 1
    changes_free(&ordered.changes)
    if status == 0:
        ordered.index = index
    pthread_mutex_unlock(&state.lock)
    return status
