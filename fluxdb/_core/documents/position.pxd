"""A place in the log as Python knows it; and who owns a state, for those that read it."""

from fluxdb._core.documents.state cimport LogPosition, State

cdef class StateOwner:
    cdef State state

cdef object to_position(const LogPosition* position)
cdef int from_position(object source, LogPosition* position) except -1
