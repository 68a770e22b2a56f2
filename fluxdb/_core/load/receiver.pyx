"""The receiving side of a benchmark: one thread, without the GIL, that counts the events that subscribers get.

An event is counted by its newlines, whatever the protocol. ``told`` counts what all subscribers have: a write may be
sent while it is less than ``window`` writes ahead of that.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr

from fluxdb._core.base.platform cimport fluxdb_now_ns
from fluxdb._core.load.poller cimport (
    FLUXDB_SEND_FLAGS, fluxdb_poller, fluxdb_poller_add, fluxdb_poller_close, fluxdb_poller_open, fluxdb_poller_wait,
)

import os

from fluxdb.errors import ConnectionLostError, RequestTimeoutError

cdef extern from "<sys/socket.h>" nogil:
    Py_ssize_t c_recv "recv"(int socket, void* data, size_t data_bytes, int flags)
    Py_ssize_t c_send "send"(int socket, const void* data, size_t data_bytes, int flags)

cdef enum:
    TICK_MS = 100
    RECEIVE_BYTES = 65536
    AHEAD_BYTES_MAX = 65536     # a socket takes so much at once

cdef enum Status:
    DONE = 0
    TICK = 1                    # nothing came for TICK_MS, or a signal
    CLOSED = 2
    BROKEN = 3                  # errno in system_error
    TOO_MANY = 4


cdef class LoadReceiver:
    cdef fluxdb_poller poller
    cdef bint is_open
    cdef bint is_running
    cdef list sockets           # the writer is the last
    cdef bytes requests         # `window` times the same
    cdef const char* text       # of them
    cdef int* descriptors
    cdef uint64_t* lines        # of each socket
    cdef uint32_t count         # of subscribers
    cdef uint32_t behind        # subscribers that have no more than `told`
    cdef uint32_t newlines
    cdef uint64_t window
    cdef uint64_t request_bytes
    cdef uint64_t writes
    cdef uint64_t sent
    cdef uint64_t told
    cdef uint64_t last_ns
    cdef int system_error

    def __cinit__(self, subscribers, writer, bytes request not None, *, uint32_t newlines=1, uint64_t window=64):
        cdef uint32_t index
        self.sockets = [*subscribers, writer]
        self.count = <uint32_t>len(self.sockets) - 1
        self.request_bytes = <uint64_t>PyBytes_GET_SIZE(request)
        if not self.count or not newlines or not window or not request:
            raise ValueError("there must be subscribers, a request, a window and newlines in an event")
        if self.request_bytes > AHEAD_BYTES_MAX // window:
            raise ValueError(f"{window} requests of {len(request)} bytes are more than {AHEAD_BYTES_MAX} bytes")
        self.requests = request * window
        self.text = PyBytes_AS_STRING(self.requests)
        self.newlines = newlines
        self.window = window
        self.descriptors = <int*>calloc(<size_t>self.count + 1, sizeof(int))
        self.lines = <uint64_t*>calloc(<size_t>self.count + 1, sizeof(uint64_t))
        if self.descriptors == NULL or self.lines == NULL:
            raise MemoryError
        check_system(fluxdb_poller_open(&self.poller, self.count + 1))
        self.is_open = True
        for index in range(self.count + 1):
            self.descriptors[index] = self.sockets[index].fileno()
            check_system(fluxdb_poller_add(&self.poller, self.descriptors[index], index))

    def __dealloc__(self):
        if self.is_open:
            fluxdb_poller_close(&self.poller)
        free(self.descriptors)
        free(self.lines)

    def run(self, uint64_t writes, *, double silence_seconds=30):
        cdef Status status
        cdef uint64_t started = fluxdb_now_ns()
        cdef uint32_t index
        if self.is_running:
            raise RuntimeError("the load receiver is running, or its last run failed")
        self.is_running = True
        self.writes, self.sent, self.told = writes, 0, 0
        self.behind = self.count
        self.last_ns = started
        for index in range(self.count + 1):
            self.lines[index] = 0
        with nogil:
            status = self.send_on()
            if status == DONE:
                status = self.go()
        while status == TICK:
            PyErr_CheckSignals()
            if fluxdb_now_ns() - self.last_ns > <uint64_t>(silence_seconds * 1e9):
                raise RequestTimeoutError(f"nothing came for {silence_seconds:g} s, {self.how_far()}")
            with nogil:
                status = self.go()
        if status == CLOSED:
            raise ConnectionLostError(f"the server closed a connection, {self.how_far()}")
        if status == BROKEN:
            raise ConnectionLostError(f"a connection broke, {self.how_far()}: {os.strerror(self.system_error)}")
        if status == TOO_MANY:
            raise ConnectionLostError(f"a subscriber was told more than was written, {self.how_far()}")
        self.is_running = False
        return self.last_ns - started

    cdef Status go(self) noexcept nogil:
        cdef Status status
        cdef int ready, i
        while self.told < self.writes or self.lines[self.count] < self.writes:
            ready = fluxdb_poller_wait(&self.poller, TICK_MS)
            if ready < 0 and errno != EINTR:
                return self.broken()
            if ready <= 0:
                return TICK
            for i in range(ready):
                status = self.receive(self.poller.ready[i].index)
                if status != DONE:
                    return status
            status = self.send_on()
            if status != DONE:
                return status
            self.last_ns = fluxdb_now_ns()
        return DONE

    cdef Status receive(self, uint32_t index) noexcept nogil:
        """Return how much a socket has received. The writer gets replies, a line each."""
        cdef uint8_t data[RECEIVE_BYTES]
        cdef uint64_t before = self.lines[index] // self.newlines
        cdef uint64_t now_told
        cdef Py_ssize_t got = c_recv(self.descriptors[index], data, RECEIVE_BYTES, 0)
        if got == 0:
            return CLOSED
        if got < 0:
            return DONE if errno == EAGAIN or errno == EINTR else self.broken()
        self.lines[index] += newlines_in(data, <size_t>got)
        if index == self.count:
            return DONE
        now_told = self.lines[index] // self.newlines
        if now_told > self.sent:
            return TOO_MANY
        if before == self.told and now_told > before:
            self.behind -= 1
            if not self.behind:
                self.find_slowest()
        return DONE

    cdef void find_slowest(self) noexcept nogil:
        cdef uint32_t index
        cdef uint64_t each
        self.told = self.sent
        for index in range(self.count):
            each = self.lines[index] // self.newlines
            if each < self.told:
                self.told = each
        for index in range(self.count):
            self.behind += self.lines[index] // self.newlines == self.told

    cdef Status send_on(self) noexcept nogil:
        """Send as many writes as the window allows."""
        cdef uint64_t count = min(self.told + self.window, self.writes) - self.sent
        cdef size_t at = 0
        cdef size_t end = count * self.request_bytes
        cdef Py_ssize_t gone
        self.sent += count
        while at < end:
            gone = c_send(self.descriptors[self.count], self.text + at, end - at, FLUXDB_SEND_FLAGS)
            if gone < 0 and errno != EINTR:
                return self.broken()
            at += <size_t>max(gone, 0)
        return DONE

    cdef Status broken(self) noexcept nogil:
        self.system_error = errno
        return BROKEN

    cdef how_far(self):
        return f"when all had {self.told:,} of {self.writes:,} events"


cdef uint64_t newlines_in(const uint8_t* data, size_t data_bytes) noexcept nogil:
    cdef const uint8_t* end = data + data_bytes
    cdef const uint8_t* at = <const uint8_t*>memchr(data, 10, data_bytes)
    cdef uint64_t count = 0
    while at != NULL:
        count += 1
        at += 1
        at = <const uint8_t*>memchr(at, 10, <size_t>(end - at))
    return count


cdef int check_system(int error) except -1:
    if error:
        raise ConnectionLostError(f"can't wait for a connection: {os.strerror(error)}")
    return 0
