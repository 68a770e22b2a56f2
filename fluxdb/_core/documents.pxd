"""The documents as Python sees them; others of the core reach the state in C."""

from fluxdb._core.state cimport LogPosition, State

cdef class Documents:
    cdef State state

cdef object to_position(const LogPosition* position)
cdef int from_position(object source, LogPosition* position) except -1
