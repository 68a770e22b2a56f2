"""Watched keys and the queue of events: bounded in bytes; beyond the bound it drops, and says that it did."""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fluxdb._core.platform cimport fluxdb_cond_init, pthread_cond_destroy, pthread_cond_signal
from fluxdb._core.table cimport (
    RECORD_TOMBSTONE, record_key, record_value, table_find, table_free, table_hash, table_init, table_put, table_remove,
)


cdef int watch_init(Watch* watch, size_t bytes_max, uint64_t seed) noexcept nogil:
    memset(watch, 0, sizeof(Watch))
    watch.bytes_max = bytes_max
    if fluxdb_cond_init(&watch.arrived) != 0:
        return -1
    return table_init(&watch.keys, 0, seed)


cdef void watch_free(Watch* watch) noexcept nogil:
    table_free(&watch.keys, True)
    events_free(watch.first)
    pthread_cond_destroy(&watch.arrived)


cdef void events_free(Event* first) noexcept nogil:
    cdef Event* next
    while first != NULL:
        next = first.next
        free(first)
        first = next


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
    return watch_take(watch) if watch.keys.used == 0 else NULL


cdef Event* watch_take(Watch* watch) noexcept nogil:
    cdef Event* first = watch.first
    watch.first = watch.last = NULL
    watch.bytes = 0
    watch.overflowed = False
    return first


cdef bint watch_commit(Watch* watch, uint8_t kind, Record* old, Record* new) noexcept nogil:
    cdef uint64_t hash
    cdef size_t total
    cdef Event* event
    cdef uint8_t* at
    if watch.keys.used == 0:
        return False
    hash = table_hash(&watch.keys, record_key(new), new.key_bytes)
    if table_find(&watch.keys, record_key(new), new.key_bytes, hash) == NULL:
        return False
    total = sizeof(Event) + new.key_bytes + <size_t>new.value_bytes + (<size_t>old.value_bytes if old != NULL else 0)
    # One event always fits, however large; once one was dropped all behind it are, until the queue was taken.
    if watch.overflowed or (watch.first != NULL and watch.bytes + total > watch.bytes_max):
        event = NULL
    else:
        event = <Event*>malloc(total)
    if event == NULL:
        watch.overflowed = True
        watch.dropped += 1
        pthread_cond_signal(&watch.arrived)
        return True
    event.next = NULL
    event.kind = kind
    event.version = new.version
    event.revision = new.revision
    event.key_bytes = new.key_bytes
    event.has_old = old != NULL and not old.flags & RECORD_TOMBSTONE
    event.has_new = not new.flags & RECORD_TOMBSTONE
    event.old_bytes = old.value_bytes if event.has_old else 0
    event.new_bytes = new.value_bytes
    at = event_data(event)
    memcpy(at, record_key(new), event.key_bytes)
    if event.has_old:
        memcpy(at + event.key_bytes, record_value(old), event.old_bytes)
    memcpy(at + event.key_bytes + event.old_bytes, record_value(new), event.new_bytes)
    if watch.last == NULL:
        watch.first = event
        pthread_cond_signal(&watch.arrived)
    else:
        watch.last.next = event
    watch.last = event
    watch.bytes += total
    return True
