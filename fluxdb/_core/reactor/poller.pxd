"""Waiting for many sockets at once, by epoll or poll(2): poller.h says how they differ."""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

cdef extern from "reactor/poller.h" nogil:
    ctypedef struct fluxdb_happening:
        uint64_t number
        int what
    ctypedef struct fluxdb_poller:
        int epoll
    int FLUXDB_READABLE
    int FLUXDB_WRITABLE
    int FLUXDB_HUNG_UP
    bint FLUXDB_HAS_EPOLL
    enum: FLUXDB_HAPPENINGS_MAX
    int fluxdb_poller_open(fluxdb_poller* poller, bint with_epoll) noexcept
    void fluxdb_poller_close(fluxdb_poller* poller) noexcept
    bint fluxdb_poller_is_asked(const fluxdb_poller* poller) noexcept
    int fluxdb_poller_add(fluxdb_poller* poller, int descriptor, uint64_t number) noexcept
    void fluxdb_poller_clear(fluxdb_poller* poller) noexcept
    void fluxdb_poller_ask(fluxdb_poller* poller, int descriptor, uint64_t number, int what) noexcept
    int fluxdb_poller_wait(fluxdb_poller* poller, fluxdb_happening* happenings, int timeout_ms) noexcept
    bint fluxdb_is_sending(int descriptor) noexcept
    ssize_t fluxdb_receive(int descriptor, void* data, size_t bytes) noexcept
    ssize_t fluxdb_send(int descriptor, const void* data, size_t bytes) noexcept
