"""A place in the log as Python knows it; and who owns a state, for those that read it."""

cimport cython

from fluxdb._core.documents.state cimport LogPosition

from fluxdb.model import Position


# No part of any cycle; and a state must outlive what reads it.
@cython.no_gc
cdef class StateOwner:
    pass


cdef object to_position(const LogPosition* position):
    return Position(position.revision, position.group, position.segment, position.offset, position.chain)


cdef int from_position(object source, LogPosition* position) except -1:
    position.revision, position.group, position.segment, position.offset, position.chain = source
    return 0
