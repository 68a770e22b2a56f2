"""A server's plain sockets, served by dedicated threads that never need the GIL."""

from libc.stdint cimport uint64_t

from fluxdb._core.commit.channel cimport Channel
from fluxdb._core.reactor.state cimport ReactorState
from fluxdb._core.serve.state cimport Handed

cdef class Reactor:
    cdef Channel channel
    cdef ReactorState state
    cdef int process
    cdef bint kept      # alive for a thread that had not left when close gave up waiting for it

    cdef int take_handed(self, Handed* handed, list requests) except -1
    cdef int close_one(self, uint64_t number) except -1
