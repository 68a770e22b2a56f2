"""The requests of one client: bytes as they come, taken apart, and each answered, submitted, or handed to Python."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from fluxdb._core.serve.state cimport Peer

cdef enum Taken:
    TAKEN_ALL = 0           # what is left waits for more bytes, or for what peer.stalled and peer.choked say
    TAKEN_HANDED = 1        # Python has to answer one; come again for those behind it
    TAKEN_BROKEN = -1       # no memory: close the peer

# Bytes that arrived, in whatever pieces. -1 where there is no memory.
cdef int requests_feed(Peer* peer, const uint8_t* data, size_t data_bytes) noexcept nogil
cdef int requests_take(Peer* peer) noexcept nogil
