"""The id of a request that is JSON, and holds what can't be kept: a number out of range, half a surrogate, too deep."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from fluxdb._core.base.slice cimport Slice

# Its last member "id", where that is a number or a string that can be kept, or the text of a number that can't; else id
# stays without data. It points into scratch, which has room for line_bytes and 16 more. For a line that is not JSON the
# result means nothing.
cdef void wire_find_id(const uint8_t* line, size_t line_bytes, uint8_t* scratch, Slice* id) noexcept nogil
