"""Making the record that a write turns its key into. Staging and replay both do, so both make the same."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from fluxdb._core.documents.table cimport Record

cdef enum MergedRecord:
    RECORD_MERGED = 0
    RECORD_NO_MEMORY = 1
    RECORD_TOO_LARGE = 2    # the merged value is longer than value_bytes_max
    RECORD_MALFORMED = 3    # the value or the delta is not canonical JSON

# A record of that key with room for the value, and for the expiry where flags has RECORD_EXPIRES; version, revision,
# value and expiry are yet to be filled in. NULL: no memory.
cdef Record* record_new(const uint8_t* key, size_t key_bytes, size_t value_bytes, uint8_t flags) noexcept nogil
# The record at the size that its value turned out to have: what is kept for long is kept exactly.
cdef Record* record_shrink(Record* record, size_t value_bytes) noexcept nogil
# TOUCH: a copy of the document with that expiry (0: never expires). NULL: no memory.
cdef Record* record_touch(Record* current, uint64_t expires_at_ms) noexcept nogil
# PATCH: the record that current (NULL or a tombstone: no document) and the canonical delta make. It keeps the expiry of
# the document, unless expires_at_ms (0: none) names another one.
cdef int record_merge(
    const uint8_t* key, size_t key_bytes, Record* current, const uint8_t* delta, size_t delta_bytes, bint remove_nulls,
    uint64_t expires_at_ms, size_t value_bytes_max, Record** merged,
) noexcept nogil
