"""Making the record that an INCREMENT turns its key into, and what the log is to say of it."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t

from fluxdb._core.documents.table cimport Record

cdef enum IncrementStatus:
    INCREMENT_OK = 0
    INCREMENT_NO_MEMORY = 1
    INCREMENT_TOO_LARGE = 2     # the value would be longer than value_bytes_max
    INCREMENT_NOT_INTEGER = 3   # something else stands at the path, or at the part of it that the document has
    INCREMENT_OUT_OF_RANGE = 4  # the sum, or the number that stands there, is no signed 64-bit integer

# A sum, and how it is logged: as the patch that puts it in its place, where objects alone lead there; else (delta NULL)
# as the whole value, which is the record's. Both belong to the caller.
cdef struct Increment:
    Record* record
    uint8_t* delta
    size_t delta_bytes
    int64_t sum
    uint8_t standing        # INCREMENT_NOT_INTEGER: the first byte of what stands there

# Adds by to the integer at the path of the document (current NULL: it does not exist); a missing one counts as 0, and
# missing objects on the way to it are made. The path must have passed pointer_check. It keeps the document's expiry.
cdef int increment_make(
    const uint8_t* key, size_t key_bytes, Record* current, int64_t by, const uint8_t* path, size_t path_bytes,
    size_t value_bytes_max, Increment* made,
) noexcept nogil
# How many names the path has: so deep is what it leads to.
cdef size_t path_depth(const uint8_t* path, size_t path_bytes) noexcept nogil
