"""Pending events of subscribers: for one client, whatever it watches, and for all of a database."""

from libc.stdint cimport uint64_t

cdef enum:
    EVENT_MEMORY_BYTES = 384    # that an event takes besides its key and its values

cdef class Backlog:
    cdef readonly uint64_t bytes_held   # of the events in memory; one in two feeds counts twice
    cdef uint64_t burst                 # the number of the one that is being told
    cdef list crowded                   # clients over their bound, to be judged when the burst is over

    cdef int begin_burst(self) except -1
    cdef list take_crowded(self)

cdef class ClientBacklog:
    cdef readonly uint64_t bytes_max
    cdef readonly uint64_t bytes_waiting
    cdef readonly set subscribers       # the teller changes it
    cdef uint64_t bytes_told            # since the beginning; what was taken of it is all but bytes_waiting
    cdef uint64_t burst
    cdef uint64_t burst_start           # bytes_told where the newest burst begins
    cdef uint64_t bursts_start          # and where the last two bursts over the bound begin, and the second ends
    cdef uint64_t last_start
    cdef uint64_t bursts_end
    cdef bint in_crowded

    cdef int add(self, Backlog backlog, uint64_t event_bytes) except -1
    cdef bint is_slow(self)
