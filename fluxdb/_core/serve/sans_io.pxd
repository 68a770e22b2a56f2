"""One client of an event loop, and all of them: peers as Python sees them. Used in the loop's thread, under the GIL."""

from fluxdb._core.commit.channel cimport Channel
from fluxdb._core.serve.state cimport Handed, Peer, Switchboard

cdef class Hub:
    cdef Channel channel
    cdef Switchboard board

cdef class Connection:
    cdef Hub hub
    cdef Peer* peer         # NULL once it is closed

# The part that a reactor shares with the connections of an event loop.
cdef dict board_counts(const Switchboard* board)
cdef dict board_durations(const Switchboard* board)
cdef int board_count(Switchboard* board, str kind, bint refused) except -1
cdef tuple request_of(const Handed* handed)
cdef bint is_problem(const Handed* handed) noexcept nogil
