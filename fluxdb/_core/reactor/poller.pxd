"""Waiting for many sockets at once; poller.h has it for each system."""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

cdef extern from "reactor/poller.h" nogil:
    ctypedef struct fluxdb_happening:
        uint64_t number
        int what
    int FLUXDB_READABLE
    int FLUXDB_WRITABLE
    int FLUXDB_HUNG_UP
    enum: FLUXDB_HAPPENINGS_MAX
    int fluxdb_poller_open() noexcept
    int fluxdb_poller_add(int poller, int descriptor, uint64_t number) noexcept
    int fluxdb_poller_wait(int poller, fluxdb_happening* happenings, int timeout_ms) noexcept
    bint fluxdb_is_sending(int descriptor) noexcept
    ssize_t fluxdb_receive(int descriptor, void* data, size_t bytes) noexcept
    ssize_t fluxdb_send(int descriptor, const void* data, size_t bytes) noexcept
