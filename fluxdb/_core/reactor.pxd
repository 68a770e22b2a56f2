"""A server's plain sockets, served by a thread of its own that never needs the GIL.

The lock is held while Python calls; never while it waits for the GIL.
"""

from libc.stdint cimport uint64_t

from fluxdb._core.channel cimport Channel
from fluxdb._core.peer cimport Handed
from fluxdb._core.sockets cimport ReactorState, Socket

cdef class Reactor:
    cdef Channel channel
    cdef ReactorState state
    cdef int process

    cdef int lock(self) except -1
    cdef int unlock(self) except -1
    cdef int take_handed(self, Handed* handed, list requests) except -1
    cdef int answer(self, Socket* socket, uint64_t ticket, bytes line) except -1
