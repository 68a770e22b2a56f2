"""The recursive merge-patch on canonical JSON text (the output of json_compact), both rules for null."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

cdef enum MergeStatus:
    MERGE_OK = 0
    MERGE_MEMORY = 1      # malloc failed
    MERGE_MALFORMED = 2   # target or delta is not canonical JSON text (every read is bounds-checked)

# Room that merge_patch needs at out.
cdef inline size_t merge_bytes_max(size_t target_bytes, size_t delta_bytes) noexcept nogil:
    return target_bytes + delta_bytes + 2

# target NULL: there is nothing yet. remove_nulls: RFC 7396 to the letter, else a null overwrites like any non-object.
# Members keep the target's order; new ones follow in the delta's.
cdef int merge_patch(
    const uint8_t* target, size_t target_bytes, const uint8_t* delta, size_t delta_bytes, bint remove_nulls,
    uint8_t* out, size_t* out_bytes,
) noexcept nogil
