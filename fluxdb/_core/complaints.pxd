"""What is told to a client whose bytes can't be taken."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

from fluxdb._core.peer cimport Handed
from fluxdb._core.write_path cimport Commit

# The reply to what was wrong: a line that can't be taken, or a write that was refused.
cdef bytes error_line(const Handed* handed, const Commit* commit)
# Does the connection begin with a TLS hello, or with an HTTP request, whatever its method? No page may drive a server.
# whole: it is all of the first line, and not only its beginning.
cdef bint is_foreign(const uint8_t* line, size_t line_bytes, bint whole) noexcept nogil
# Does it begin as an HTTP request does, with a method and a space? Of a line whose end is too far away to be seen.
cdef bint has_method(const uint8_t* line, size_t line_bytes) noexcept nogil
