"""Finding the ready ones among many sockets; each is known by its index."""

from libc.stdint cimport uint32_t

cdef extern from "load/poller.h" nogil:
    cdef enum:
        FLUXDB_READABLE
        FLUXDB_WRITABLE
        FLUXDB_SEND_FLAGS
    ctypedef struct fluxdb_ready:
        uint32_t index
        uint32_t what
    ctypedef struct fluxdb_poller:
        fluxdb_ready* ready
    int fluxdb_poller_open(fluxdb_poller*, uint32_t count) noexcept         # 0 or an errno, as all but wait
    void fluxdb_poller_close(fluxdb_poller*) noexcept
    int fluxdb_poller_add(fluxdb_poller*, int socket, uint32_t index) noexcept
    int fluxdb_poller_want(fluxdb_poller*, int socket, uint32_t index, bint writable) noexcept
    int fluxdb_poller_wait(fluxdb_poller*, int timeout_ms) noexcept
