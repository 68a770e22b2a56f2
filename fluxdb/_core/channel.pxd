"""The committer's other door; the connections of a server reach it in C."""

from libc.stdint cimport uint64_t

from fluxdb._core.channels cimport ChannelState, Failure
from fluxdb._core.commit cimport Committer

cdef class Channel:
    cdef Committer owner
    cdef ChannelState* state

    cdef object outcomes(self, uint64_t first, uint64_t end, Failure* failures)
