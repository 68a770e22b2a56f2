"""One client of an event loop, and all of them: peers as Python sees them. Used in the loop's thread, under the GIL."""

from fluxdb._core.channel cimport Channel
from fluxdb._core.peer cimport Peer, Switchboard

cdef class Hub:
    cdef Channel channel
    cdef Switchboard board

cdef class Connection:
    cdef Hub hub
    cdef Peer* peer         # NULL once it is closed
