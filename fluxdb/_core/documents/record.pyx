"""The record that a write turns its key into."""

from libc.stdint cimport uint16_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from fluxdb._core.documents.table cimport RECORD_TOMBSTONE, record_bytes, record_key, record_value
from fluxdb._core.json.merge cimport MERGE_MEMORY, MERGE_OK, merge_bytes_max, merge_patch


cdef Record* record_new(const uint8_t* key, size_t key_bytes, size_t value_bytes, uint8_t flags) noexcept nogil:
    cdef Record* record = <Record*>malloc(sizeof(Record) + key_bytes + value_bytes)
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


cdef int record_merge(
    const uint8_t* key, size_t key_bytes, Record* current, const uint8_t* delta, size_t delta_bytes, bint remove_nulls,
    size_t value_bytes_max, Record** merged,
) noexcept nogil:
    cdef bint is_there = current != NULL and not current.flags & RECORD_TOMBSTONE
    cdef size_t current_bytes = current.value_bytes if is_there else 0
    cdef size_t value_bytes = 0
    cdef Record* record = record_new(key, key_bytes, merge_bytes_max(current_bytes, delta_bytes), 0)
    cdef int status
    if record == NULL:
        return RECORD_NO_MEMORY
    status = merge_patch(
        record_value(current) if is_there else NULL, current_bytes, delta, delta_bytes, remove_nulls,
        record_value(record), &value_bytes,
    )
    if status == MERGE_OK and value_bytes <= value_bytes_max:
        merged[0] = record_shrink(record, value_bytes)
        return RECORD_MERGED
    free(record)
    if status == MERGE_OK:
        return RECORD_TOO_LARGE
    return RECORD_NO_MEMORY if status == MERGE_MEMORY else RECORD_MALFORMED
