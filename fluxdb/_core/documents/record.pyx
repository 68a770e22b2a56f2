"""The record that a write turns its key into."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from fluxdb._core.documents.table cimport (
    RECORD_EXPIRES, RECORD_EXPIRY_BYTES, RECORD_TOMBSTONE, record_bytes, record_expires_at, record_key,
    record_set_expiry, record_value,
)
from fluxdb._core.json.merge cimport MERGE_MEMORY, MERGE_OK, merge_bytes_max, merge_patch


cdef Record* record_new(const uint8_t* key, size_t key_bytes, size_t value_bytes, uint8_t flags) noexcept nogil:
    cdef size_t expiry_bytes = RECORD_EXPIRY_BYTES if flags & RECORD_EXPIRES else 0
    cdef Record* record = <Record*>malloc(sizeof(Record) + key_bytes + value_bytes + expiry_bytes)
    if record == NULL:
        return NULL
    record.key_bytes = <uint16_t>key_bytes
    record.value_bytes = <uint32_t>value_bytes
    record.flags = flags
    record.pins = 0
    memcpy(record_key(record), key, key_bytes)
    return record


cdef Record* record_shrink(Record* record, size_t value_bytes) noexcept nogil:
    cdef Record* smaller
    if value_bytes == record.value_bytes:
        return record
    record.value_bytes = <uint32_t>value_bytes
    smaller = <Record*>realloc(record, record_bytes(record))
    return smaller if smaller != NULL else record


cdef Record* record_touch(Record* current, uint64_t expires_at_ms) noexcept nogil:
    cdef Record* record = record_new(
        record_key(current), current.key_bytes, current.value_bytes, RECORD_EXPIRES if expires_at_ms else 0
    )
    if record != NULL:
        memcpy(record_value(record), record_value(current), current.value_bytes)
        record_set_expiry(record, expires_at_ms)
    return record


cdef int record_merge(
    const uint8_t* key, size_t key_bytes, Record* current, const uint8_t* delta, size_t delta_bytes, bint remove_nulls,
    uint64_t expires_at_ms, size_t value_bytes_max, Record** merged,
) noexcept nogil:
    cdef bint is_there = current != NULL and not current.flags & RECORD_TOMBSTONE
    cdef size_t current_bytes = current.value_bytes if is_there else 0
    cdef uint64_t expiry = expires_at_ms if expires_at_ms or not is_there else record_expires_at(current)
    cdef size_t value_bytes = 0
    cdef Record* record = record_new(
        key, key_bytes, merge_bytes_max(current_bytes, delta_bytes), RECORD_EXPIRES if expiry else 0
    )
    cdef int status
    if record == NULL:
        return RECORD_NO_MEMORY
    status = merge_patch(
        record_value(current) if is_there else NULL, current_bytes, delta, delta_bytes, remove_nulls,
        record_value(record), &value_bytes,
    )
    if status == MERGE_OK and value_bytes <= value_bytes_max:
        record = record_shrink(record, value_bytes)
        record_set_expiry(record, expiry)
        merged[0] = record
        return RECORD_MERGED
    free(record)
    if status == MERGE_OK:
        return RECORD_TOO_LARGE
    return RECORD_NO_MEMORY if status == MERGE_MEMORY else RECORD_MALFORMED
