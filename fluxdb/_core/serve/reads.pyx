"""Replies that read documents."""

from libc.stdint cimport uint64_t

from fluxdb._core.base.platform cimport pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.documents.table cimport RECORD_TOMBSTONE, Record, record_value, table_find, table_hash
from fluxdb._core.serve.replies cimport reply_document


cdef bint read_document(
    State* state, Bytes* target, const uint8_t* key, size_t key_bytes, const Slice* id,
) noexcept nogil:
    cdef uint64_t hash = table_hash(&state.table, key, key_bytes)
    cdef Record* record
    cdef bint done
    pthread_mutex_lock(&state.lock)
    record = table_find(&state.table, key, key_bytes, hash)
    if record == NULL or record.flags & RECORD_TOMBSTONE:
        done = reply_document(target, NULL, 0, 0, id)
    else:
        done = reply_document(target, record_value(record), record.value_bytes, record.version, id)
    pthread_mutex_unlock(&state.lock)
    return done
