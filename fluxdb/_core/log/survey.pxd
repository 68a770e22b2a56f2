"""Looking at a log without applying it."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

cdef bint is_zero(const uint8_t* at, size_t count) noexcept nogil
