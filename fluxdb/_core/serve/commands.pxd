"""One request, carried out: answered at once, submitted, held until its turn, or handed to Python."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from fluxdb._core.serve.large_lines cimport LargeLine
from fluxdb._core.serve.state cimport Peer
from fluxdb._core.serve.wire cimport WireRequest

cdef enum Step:
    BROKEN = -1             # no memory
    DONE = 0                # go on with the next line
    STALL = 1               # the line was not taken: come back to it when replies have gone
    HANDED = 2              # Python has to answer it
    AWAY = 3                # it is large, and no more in the input: what is behind it waits

# status: of wire_parse. large: where the line was taken apart, and its write prepared, by another thread; else NULL.
cdef int command_take(Peer* peer, int status, const WireRequest* wire, LargeLine* large) noexcept nogil
# A line that can't be taken: Python answers with the reason.
cdef int command_complain(Peer* peer, int status, const WireRequest* wire) noexcept nogil
