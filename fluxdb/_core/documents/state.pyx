"""The state in C: what a committed record does to the table, the tombstones and the floors."""

from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcpy

from fluxdb._core.base.clock cimport clock_now
from fluxdb._core.base.crc32c cimport fluxdb_crc32c
from fluxdb._core.base.platform cimport pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.documents.expiry cimport (
    expiries_forget, expiries_mark, expiries_push, expiries_reserve, expiries_take_back,
)
from fluxdb._core.documents.ordered cimport ordered_note
from fluxdb._core.documents.table cimport (
    NUMBER_MAX, PINS_MAX, RECORD_DEAD, Shard, fluxdb_hash, record_bytes, record_key, slot_record, table_find_revision,
    table_hash, table_put, table_remove, table_shard_of,
)

cdef extern from "<unistd.h>" nogil:
    int usleep(unsigned int microseconds) noexcept

cdef enum:
    APPLY_WAIT_US = 50
    MARKED_MAX = 256        # documents whose time is over, in one hold of the lock
    SWEEP_ENTRIES = 4       # looked at with each deletion while a sweep is on


cdef void state_lock_between_groups(State* state) noexcept nogil:
    pthread_mutex_lock(&state.lock)
    while state.applying:
        pthread_mutex_unlock(&state.lock)
        usleep(APPLY_WAIT_US)
        pthread_mutex_lock(&state.lock)


cdef uint64_t state_floor(State* state, const uint8_t* key, size_t key_bytes) noexcept nogil:
    if state.floors == NULL:
        return 0
    return state.floors[fluxdb_crc32c(0, key, key_bytes) & (FLOOR_BUCKETS - 1)]


cdef void state_release(State* state, Record* record, uint64_t hash) noexcept nogil:
    cdef ViewState* view = &state.view
    cdef Record** larger
    if view.open and record.revision <= view.revision and table_shard_of(&state.table, hash) >= view.next_shard:
        if view.kept_count == view.kept_capacity:
            view.kept_capacity = view.kept_capacity * 2 if view.kept_capacity else 256
            larger = <Record**>realloc(view.kept, view.kept_capacity * sizeof(Record*))
            if larger == NULL:
                view.failed = True
                view.kept_capacity = view.kept_count
            else:
                view.kept = larger
        if view.kept_count < view.kept_capacity:
            view.kept[view.kept_count] = record
            view.kept_count += 1
            return
    state_drop(record)


cdef void state_drop(Record* record) noexcept nogil:
    if record.pins:
        record.flags |= RECORD_DEAD
    else:
        free(record)


cdef bint state_pin(State* state, Record* record) noexcept nogil:
    cdef bint pinned
    pthread_mutex_lock(&state.lock)
    pinned = record.pins < PINS_MAX
    record.pins += pinned
    pthread_mutex_unlock(&state.lock)
    return pinned


cdef void state_unpin(State* state, Record* record) noexcept nogil:
    pthread_mutex_lock(&state.lock)
    record.pins -= 1
    if record.flags & RECORD_DEAD and record.pins == 0:
        free(record)
    pthread_mutex_unlock(&state.lock)


cdef int queue_reserve(TombstoneQueue* queue) noexcept nogil:
    cdef size_t capacity, i, entries
    cdef Tombstone* ring
    if queue.tail - queue.head < queue.capacity:
        return 0
    capacity = queue.capacity * 2 if queue.capacity else 64
    ring = <Tombstone*>malloc(capacity * sizeof(Tombstone))
    if ring == NULL:
        return -1
    entries = queue.tail - queue.head       # the gap of a sweep, too
    for i in range(entries):
        ring[i] = queue.ring[(queue.head + i) & (queue.capacity - 1)]
    free(queue.ring)
    queue.ring = ring
    queue.unswept -= queue.head
    queue.head = 0
    queue.tail = entries
    queue.capacity = capacity
    return 0


cdef inline Tombstone* entry_at(TombstoneQueue* queue, size_t index) noexcept nogil:
    return &queue.ring[index & (queue.capacity - 1)]


cdef inline void queue_push(TombstoneQueue* queue, uint64_t hash, uint64_t revision) noexcept nogil:
    cdef Tombstone* last = entry_at(queue, queue.tail)
    last.hash = hash
    last.revision = revision
    queue.tail += 1


cdef inline size_t queue_count(const TombstoneQueue* queue) noexcept nogil:
    return queue.kept + (queue.tail - queue.unswept)


cdef Tombstone queue_take(TombstoneQueue* queue) noexcept nogil:
    """The oldest entry; there must be one."""
    cdef Tombstone* oldest
    if queue.kept:
        oldest = entry_at(queue, queue.head)
        queue.kept -= 1
        queue.head += 1
        return oldest[0]
    oldest = entry_at(queue, queue.unswept)
    queue.unswept += 1
    queue.head = queue.unswept
    return oldest[0]


cdef inline Record* tombstone_of(State* state, const Tombstone* entry) noexcept nogil:
    """The tombstone that the entry speaks of, NULL where its key was written again."""
    cdef Record* record = table_find_revision(&state.table, entry.hash, entry.revision)
    return record if record != NULL and record.flags & RECORD_TOMBSTONE else NULL


cdef void queue_sweep(State* state) noexcept nogil:
    """Look at a few entries more, and drop the stale ones. More than one a push, so a sweep comes to its end."""
    cdef TombstoneQueue* queue = &state.queue
    cdef size_t looks = SWEEP_ENTRIES
    cdef Tombstone* entry
    while looks and queue.unswept != queue.tail:
        entry = entry_at(queue, queue.unswept)
        if tombstone_of(state, entry) != NULL:
            entry_at(queue, queue.head + queue.kept)[0] = entry[0]
            queue.kept += 1
        queue.unswept += 1
        looks -= 1
    if queue.unswept == queue.tail:
        queue.tail = queue.head + queue.kept
        queue.unswept = queue.head
        queue.kept = 0
        queue.sweeping = False


cdef void state_forget(State* state) noexcept nogil:
    cdef TombstoneQueue* queue = &state.queue
    cdef Tombstone entry
    cdef Record* record
    cdef uint64_t* floor
    if state.tombstones > state.tombstones_max and state.floors == NULL:
        state.floors = <uint64_t*>calloc(FLOOR_BUCKETS, sizeof(uint64_t))
        if state.floors == NULL:
            return          # remembered one by one for longer; tried again at the next delete
    while state.tombstones > state.tombstones_max and queue_count(queue):
        entry = queue_take(queue)
        record = tombstone_of(state, &entry)
        if record == NULL:
            continue
        floor = &state.floors[fluxdb_crc32c(0, record_key(record), record.key_bytes) & (FLOOR_BUCKETS - 1)]
        if record.version > floor[0]:
            floor[0] = record.version
        table_remove(&state.table, record_key(record), record.key_bytes, entry.hash)
        state.tombstones -= 1
        if record.revision > state.forgotten_revision:
            state.forgotten_revision = record.revision
        state_release(state, record, entry.hash)
    if queue_count(queue) > 2 * state.tombstones_max + 1024:
        queue.sweeping = True


cdef inline void count_record(State* state, const Record* record, int sign) noexcept nogil:
    if record.flags & RECORD_TOMBSTONE:
        state.tombstones += sign
    else:
        state.live += sign
        state.data_bytes += sign * <int64_t>(record.key_bytes + <size_t>record.value_bytes)
        if sign < 0 and record.flags & RECORD_EXPIRES:
            expiries_forget(&state.expiries, record)


cdef int state_apply(State* state, Record* record, uint64_t hash, Record** replaced) noexcept nogil:
    if record.flags & RECORD_TOMBSTONE and queue_reserve(&state.queue) != 0:
        return -1
    if record.flags & RECORD_EXPIRES and expiries_reserve(&state.expiries) != 0:
        return -1
    if table_put(&state.table, record, hash, replaced) != 0:
        return -1
    if replaced[0] != NULL:
        count_record(state, replaced[0], -1)
    count_record(state, record, 1)
    if state.ordered.followed:
        note_key(state, replaced[0], record)
    if record.flags & RECORD_EXPIRES:
        expiries_push(&state.expiries, &state.table, record, hash)
    if record.flags & RECORD_TOMBSTONE:
        queue_push(&state.queue, hash, record.revision)
        if state.queue.sweeping:
            queue_sweep(state)
    return 0


cdef inline void note_key(State* state, const Record* replaced, Record* record) noexcept nogil:
    """Tell the order of the keys where the key came to have a document, or has it no more."""
    cdef bint was_there = replaced != NULL and not replaced.flags & (RECORD_TOMBSTONE | RECORD_DUE)
    cdef bint is_there = not record.flags & RECORD_TOMBSTONE
    if was_there != is_there:
        ordered_note(&state.ordered, record_key(record), record.key_bytes, is_there)


cdef void state_lock_marked(State* state) noexcept nogil:
    pthread_mutex_lock(&state.lock)
    while state_mark_due(state, MARKED_MAX):
        pthread_mutex_unlock(&state.lock)
        pthread_mutex_lock(&state.lock)


cdef bint state_mark_due(State* state, size_t entries_max) noexcept nogil:
    cdef uint64_t now_ms
    cdef Record* record = NULL
    if state.expiries.count == 0 and state.expiries.hidden == 0:
        return False
    now_ms = clock_now(&state.clock)
    while entries_max and expiries_take_back(&state.expiries, &state.table, now_ms, &record):
        note_marked(state, record, True)
        entries_max -= 1
    while entries_max and expiries_mark(&state.expiries, &state.table, now_ms, &record):
        note_marked(state, record, False)
        entries_max -= 1
    return entries_max == 0


cdef inline void note_marked(State* state, Record* record, bint is_there) noexcept nogil:
    if record != NULL and state.ordered.followed:
        ordered_note(&state.ordered, record_key(record), record.key_bytes, is_there)


cdef int by_revision(const void* left, const void* right) noexcept nogil:
    cdef uint64_t a = (<const Tombstone*>left).revision
    cdef uint64_t b = (<const Tombstone*>right).revision
    return (a > b) - (a < b)


cdef inline bint flags_can_be(uint8_t flags) noexcept nogil:
    """In a snapshot."""
    return flags == 0 or flags == RECORD_TOMBSTONE or flags == RECORD_EXPIRES


cdef int state_load(State* state, const uint8_t* payload, size_t payload_bytes, size_t* records) noexcept nogil:
    cdef const uint8_t* at = payload
    cdef size_t left = payload_bytes
    cdef Record head
    cdef Record* record
    cdef Record* replaced = NULL
    cdef uint64_t hash
    records[0] = 0
    while left:
        if left < sizeof(Record):
            return LOAD_MALFORMED
        memcpy(&head, at, sizeof(Record))
        if left < record_bytes(&head) or head.key_bytes == 0 or head.pins or not flags_can_be(head.flags):
            return LOAD_MALFORMED
        if head.version == 0 or head.version > NUMBER_MAX:
            return LOAD_IMPOSSIBLE
        if head.revision == 0 or head.revision > state.position.revision:
            return LOAD_IMPOSSIBLE
        record = <Record*>malloc(record_bytes(&head))
        if record == NULL:
            return LOAD_NO_MEMORY
        memcpy(record, at, record_bytes(&head))
        hash = table_hash(&state.table, record_key(record), record.key_bytes)
        if ((record.flags & RECORD_TOMBSTONE and queue_reserve(&state.queue) != 0)
                or (record.flags & RECORD_EXPIRES and expiries_reserve(&state.expiries) != 0)):
            free(record)
            return LOAD_NO_MEMORY
        if table_put(&state.table, record, hash, &replaced) != 0:
            free(record)
            return LOAD_NO_MEMORY
        if replaced != NULL:
            free(replaced)
            return LOAD_DOUBLED
        count_record(state, record, 1)
        if record.flags & RECORD_EXPIRES:
            expiries_push(&state.expiries, &state.table, record, hash)
        if record.flags & RECORD_TOMBSTONE:
            queue_push(&state.queue, hash, record.revision)
        at += record_bytes(&head)
        left -= record_bytes(&head)
        records[0] += 1
    return 0


cdef void state_loaded(State* state) noexcept nogil:
    if state.queue.tail:        # head is 0: nothing was taken out yet
        qsort(state.queue.ring, state.queue.tail, sizeof(Tombstone), by_revision)
    state_forget(state)


cdef void state_digest(State* state, uint64_t* first, uint64_t* second) noexcept nogil:
    cdef size_t i
    cdef uint32_t at
    cdef Shard* shard
    cdef Record* record
    cdef uint64_t seed, expires_at_ms
    for i in range(<size_t>1 << SHARD_BITS):
        shard = &state.table.shards[i]
        if shard.slots == NULL:
            continue
        for at in range(shard.mask + 1):
            record = slot_record(shard.slots[at])
            if record == NULL:
                continue
            # Key and value lie side by side: the key's length in the seed says where one ends.
            seed = fluxdb_hash(record, 16, record.flags & RECORD_TOMBSTONE) ^ record.key_bytes
            if record.flags & RECORD_EXPIRES:
                expires_at_ms = record_expires_at(record)
                seed = fluxdb_hash(&expires_at_ms, sizeof(uint64_t), seed)
            first[0] += fluxdb_hash(record_key(record), record.key_bytes + <size_t>record.value_bytes, seed)
            second[0] += fluxdb_hash(record_key(record), record.key_bytes + <size_t>record.value_bytes, ~seed)
    if state.floors != NULL:
        first[0] += fluxdb_hash(state.floors, FLOOR_BUCKETS * sizeof(uint64_t), 1)
        second[0] += fluxdb_hash(state.floors, FLOOR_BUCKETS * sizeof(uint64_t), 2)
    first[0] += fluxdb_hash(&state.position.revision, sizeof(uint64_t), 3)
    second[0] += fluxdb_hash(&state.position.revision, sizeof(uint64_t), 4)
