"""Replies that read documents."""

from libc.stdint cimport uint64_t

from fluxdb._core.base.platform cimport pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.documents.table cimport (
    RECORD_TOMBSTONE, Record, record_value, table_fetch, table_find, table_hash,
)
from fluxdb._core.json.pointer cimport POINTER_OK, Part, pointer_find
from fluxdb._core.serve.replies cimport (
    bytes_put, put_document, put_list_end, reply_document,
)

cdef enum:
    FETCHED_AHEAD = 32      # look-ups whose misses of the cache overlap


cdef inline bint is_document(const Record* record) noexcept nogil:
    return record != NULL and not record.flags & RECORD_TOMBSTONE


cdef bint find_value(Record* record, const Slice* path, Slice* value) noexcept nogil:
    """Find the document's value, or the part of it at path. False: neither exists."""
    cdef Part part
    if not is_document(record):
        return False
    value.data = record_value(record)
    value.bytes = record.value_bytes
    if path.bytes == 0:
        return True
    if pointer_find(value.data, value.bytes, path.data, path.bytes, &part) != POINTER_OK:
        return False
    value.data = part.begin
    value.bytes = <size_t>(part.end - part.begin)
    return True


cdef uint64_t read_revision(State* state) noexcept nogil:
    cdef uint64_t revision
    pthread_mutex_lock(&state.lock)
    revision = state.revision
    pthread_mutex_unlock(&state.lock)
    return revision


cdef bint read_document(
    State* state, Bytes* target, const uint8_t* key, size_t key_bytes, const Slice* path, const Slice* id,
) noexcept nogil:
    cdef uint64_t hash = table_hash(&state.table, key, key_bytes)
    cdef Record* record
    cdef Slice value
    cdef bint done
    pthread_mutex_lock(&state.lock)
    record = table_find(&state.table, key, key_bytes, hash)
    if find_value(record, path, &value):
        done = reply_document(target, value.data, value.bytes, record.version, id)
    else:
        done = reply_document(target, NULL, 0, 0, id)
    pthread_mutex_unlock(&state.lock)
    return done


cdef int read_many(
    State* state, Bytes* target, WantedKey* keys, size_t count, const Slice* path, size_t page_bytes_max,
    const Slice* id,
) noexcept nogil:
    cdef size_t start = target.used
    cdef size_t i
    cdef int status = READ_OK
    if not bytes_put(target, b'{"kind":"values","docs":[', 25):
        return READ_NO_MEMORY
    for i in range(count):
        keys[i].hash = table_hash(&state.table, keys[i].key.data, keys[i].key.bytes)
    for i in range(min(count, <size_t>FETCHED_AHEAD)):
        table_fetch(&state.table, keys[i].hash)
    pthread_mutex_lock(&state.lock)
    status = put_many(state, target, keys, count, path, page_bytes_max)
    if status == READ_OK and not put_list_end(target, state.revision, id):
        status = READ_NO_MEMORY
    pthread_mutex_unlock(&state.lock)
    if status != READ_OK:
        target.used = start
    return status


cdef int put_many(
    State* state, Bytes* target, const WantedKey* keys, size_t count, const Slice* path, size_t page_bytes_max,
) noexcept nogil:
    """With the lock held."""
    cdef size_t i, bytes = 0, found = 0
    cdef Record* record
    cdef Slice value
    for i in range(count):
        if i + FETCHED_AHEAD < count:
            table_fetch(&state.table, keys[i + FETCHED_AHEAD].hash)
        record = table_find(&state.table, keys[i].key.data, keys[i].key.bytes, keys[i].hash)
        if i and not bytes_put(target, b",", 1):
            return READ_NO_MEMORY
        if not find_value(record, path, &value):
            if not bytes_put(target, b"null", 4):
                return READ_NO_MEMORY
            continue
        found += 1
        bytes += keys[i].key.bytes + value.bytes
        if bytes > page_bytes_max and found > 1:
            return READ_TOO_LARGE
        if not put_document(target, value.data, value.bytes, record.version):
            return READ_NO_MEMORY
    return READ_OK
