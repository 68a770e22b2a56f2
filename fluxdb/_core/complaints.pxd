"""What is told to a client whose bytes can't be taken."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

from fluxdb._core.wire cimport WireRequest

# (code, message) for a WireStatus. Raises MemoryError for that one.
cdef tuple complaint(int status, const WireRequest* wire, uint32_t depth_max)
# Does the connection begin with a TLS hello, or with an HTTP request? No page may drive a server. whole: it is all of
# the first line, and not only its beginning.
cdef bint is_foreign(const uint8_t* line, size_t line_bytes, bint whole) noexcept nogil
