"""Answers to a client whose bytes can't be accepted."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

from fluxdb._core.commit.state cimport Commit
from fluxdb._core.serve.state cimport Handed

# The reply to what was wrong: a line that can't be taken, or a write that was refused.
cdef bytes error_line(const Handed* handed, const Commit* commit)
cdef enum Foreign:
    FOREIGN_NONE = 0
    FOREIGN_OTHER = 1       # a TLS hello, or an HTTP request, whatever its method: no page may drive a server
    FOREIGN_PROXY = 2       # what a proxy puts before a client's bytes, in version 1 or 2 of the PROXY protocol

# The foreign protocol with which the connection begins, if any. whole: line is all of the first line that is not empty,
# not only its beginning.
cdef int foreign_begin(const uint8_t* line, size_t line_bytes, bint whole) noexcept nogil
# Does it begin like an HTTP request, with a method and a space? For a line whose end is too far away to be seen.
cdef bint has_method(const uint8_t* line, size_t line_bytes) noexcept nogil
