"""Watched keys and the queue of events: bounded in bytes; beyond the bound it drops, and says that it did."""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fluxdb._core.base.platform cimport fluxdb_cond_init, pthread_cond_destroy, pthread_cond_signal
from fluxdb._core.documents.state cimport state_unpin
from fluxdb._core.documents.table cimport (
    PINS_MAX, RECORD_DEAD, RECORD_TOMBSTONE, record_key, record_value, table_find, table_free, table_hash, table_init,
    table_put, table_remove,
)

cdef enum:
    PIN_BYTES_MIN = 16384   # smaller values are copied: that takes no longer than a lock for the end of the pin


cdef int watch_init(Watch* watch, size_t bytes_max, uint64_t seed) noexcept nogil:
    memset(watch, 0, sizeof(Watch))
    watch.bytes_max = bytes_max
    if fluxdb_cond_init(&watch.arrived) != 0:
        return -1
    return table_init(&watch.keys, 0, seed)


cdef void watch_free(Watch* watch, State* state) noexcept nogil:
    table_free(&watch.keys, True)
    events_free(watch.first, state)
    pthread_cond_destroy(&watch.arrived)


cdef void events_free(Event* first, State* state) noexcept nogil:
    cdef Event* next
    while first != NULL:
        next = first.next
        if first.old != NULL:
            state_unpin(state, first.old)
        if first.new != NULL:
            state_unpin(state, first.new)
        free(first)
        first = next


cdef inline bint is_pinnable(const Record* record) noexcept nogil:
    return record != NULL and record.value_bytes >= PIN_BYTES_MIN and record.pins < PINS_MAX


cdef inline size_t event_bytes(const Event* event) noexcept nogil:
    return sizeof(Event) + event.key_bytes + event.old_bytes + event.new_bytes


cdef int64_t watch_add(Watch* watch, const uint8_t* key, size_t key_bytes) noexcept nogil:
    cdef uint64_t hash = table_hash(&watch.keys, key, key_bytes)
    cdef Record* entry = table_find(&watch.keys, key, key_bytes, hash)
    cdef Record* replaced = NULL
    if entry == NULL:
        entry = <Record*>malloc(sizeof(Record) + key_bytes)
        if entry == NULL:
            return -1
        memset(entry, 0, sizeof(Record))
        entry.key_bytes = <unsigned short>key_bytes
        memcpy(record_key(entry), key, key_bytes)
        if table_put(&watch.keys, entry, hash, &replaced) != 0:
            free(entry)
            return -1
    entry.version += 1
    return <int64_t>entry.version


cdef Event* watch_remove(Watch* watch, const uint8_t* key, size_t key_bytes) noexcept nogil:
    cdef uint64_t hash = table_hash(&watch.keys, key, key_bytes)
    cdef Record* entry = table_find(&watch.keys, key, key_bytes, hash)
    if entry == NULL:
        return NULL
    entry.version -= 1
    if entry.version == 0:
        free(table_remove(&watch.keys, key, key_bytes, hash))
    return take_all(watch) if watch.keys.used == 0 else NULL


cdef Event* take_all(Watch* watch) noexcept nogil:
    cdef Event* first = watch.first
    watch.first = watch.last = NULL
    watch.bytes = 0
    watch.overflowed = watch.in_burst = False
    return first


cdef Event* watch_take(
    Watch* watch, size_t events_max, size_t bytes_max, bint applying, bint* burst_over,
) noexcept nogil:
    cdef Event* first = watch.first
    cdef Event* last = NULL
    cdef Event* next = first
    cdef size_t events = 0
    cdef size_t taken_bytes = 0
    if not watch.in_burst:
        watch.burst_group = watch.group
    while next != NULL and next.group <= watch.burst_group and (
        (events < events_max and taken_bytes < bytes_max) or (last != NULL and last.commit == next.commit)
    ):
        events += 1
        taken_bytes += event_bytes(next)
        last = next
        next = next.next
    if last == NULL:
        first = NULL
    else:
        last.next = NULL
    watch.first = next
    if next == NULL:
        watch.last = NULL
    watch.bytes -= taken_bytes
    watch.in_burst = next.group <= watch.burst_group if next != NULL else applying and watch.group == watch.burst_group
    burst_over[0] = not watch.in_burst
    return first


cdef bint watch_commit(Watch* watch, uint8_t kind, Record* old, Record* new, uint64_t commit) noexcept nogil:
    cdef uint64_t hash
    cdef Event* event
    if watch.keys.used == 0:
        return False
    hash = table_hash(&watch.keys, record_key(new), new.key_bytes)
    if table_find(&watch.keys, record_key(new), new.key_bytes, hash) == NULL:
        return False
    if old != NULL and old.flags & RECORD_TOMBSTONE:
        old = NULL
    event = NULL if watch.overflowed else event_new_of(watch, old, new)     # behind one that was dropped all are
    if event == NULL:
        watch.overflowed = True
        watch.dropped += 1 + drop_half(watch)
        pthread_cond_signal(&watch.arrived)
        return True
    event.kind = kind
    event.commit = commit
    event.group = watch.group
    if watch.last == NULL:
        watch.first = event
        pthread_cond_signal(&watch.arrived)
    else:
        watch.last.next = event
    watch.last = event
    watch.bytes += event_bytes(event)
    return True


cdef uint64_t drop_half(Watch* watch) noexcept nogil:
    """Drop the events that were kept of the batch that is being applied. Returns how many."""
    cdef Event* event = watch.first if watch.last_whole == NULL else watch.last_whole.next
    cdef Event* next
    cdef uint64_t dropped = 0
    if watch.last_whole == NULL:
        watch.first = NULL
    else:
        watch.last_whole.next = NULL
    watch.last = watch.last_whole
    while event != NULL:
        next = event.next
        watch.bytes -= event_bytes(event)
        unpin(event.old)
        unpin(event.new)
        free(event)
        dropped += 1
        event = next
    return dropped


cdef inline void unpin(Record* record) noexcept nogil:
    """With the documents' lock held."""
    if record == NULL:
        return
    record.pins -= 1
    if record.flags & RECORD_DEAD and record.pins == 0:
        free(record)


cdef Event* event_new_of(const Watch* watch, Record* old, Record* new) noexcept nogil:
    """NULL: there is no room for it, or no memory. One event always fits, however large."""
    cdef size_t old_bytes = old.value_bytes if old != NULL else 0
    cdef bint pins_old = is_pinnable(old)
    cdef bint pins_new = is_pinnable(new)
    cdef size_t copied = new.key_bytes + (0 if pins_old else old_bytes) + (0 if pins_new else <size_t>new.value_bytes)
    cdef Event* event
    if watch.first != NULL:
        if watch.bytes + sizeof(Event) + new.key_bytes + old_bytes + <size_t>new.value_bytes > watch.bytes_max:
            return NULL
    event = <Event*>malloc(sizeof(Event) + copied)
    if event == NULL:
        return NULL
    memset(event, 0, sizeof(Event))
    event.version = new.version
    event.revision = new.revision
    event.key_bytes = new.key_bytes
    event.has_old = old != NULL
    event.has_new = not new.flags & RECORD_TOMBSTONE
    event.old_bytes = old_bytes
    event.new_bytes = new.value_bytes
    memcpy(event_key(event), record_key(new), event.key_bytes)
    if pins_old:
        old.pins += 1
        event.old = old
    elif old_bytes:
        memcpy(event_old(event), record_value(old), old_bytes)
    if pins_new:
        new.pins += 1
        event.new = new
    elif event.new_bytes:
        memcpy(event_new(event), record_value(new), event.new_bytes)
    return event
