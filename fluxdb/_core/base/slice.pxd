"""A piece of a line: bytes that belong to somebody else."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

# Bytes of a line in canonical form; data NULL: not there.
cdef struct Slice:
    const uint8_t* data
    size_t bytes
