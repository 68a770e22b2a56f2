"""The load generator as Python sees it; load/loop.pxd says how it works."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EBADF
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fluxdb._core.base.platform cimport fluxdb_now_ns
from fluxdb._core.load.histogram cimport LatencyHistogram
from fluxdb._core.load.loop cimport (
    LOAD_BROKEN, LOAD_CLOSED, LOAD_DEADLINE, LOAD_DONE, LOAD_NOT_UNDERSTOOD, LOAD_SILENCE, LOAD_TICK, Load,
    LoadConnection, LoadStatus, load_go, load_start,
)
from fluxdb._core.load.poller cimport fluxdb_poller_add, fluxdb_poller_close, fluxdb_poller_open
from fluxdb._core.load.replies cimport REPLIES_LINES, REPLIES_RESP, ReplyTally

import os
from typing import NamedTuple

from fluxdb.errors import ConnectionLostError, RequestTimeoutError

cdef enum:
    TICK_NS = 100_000_000
    IN_FLIGHT_MAX = 1 << 24         # of all connections: 8 bytes of time each

PROTOCOLS = {"flux": REPLIES_LINES, "resp": REPLIES_RESP}


class LoadResult(NamedTuple):
    replies: int
    errors: int
    first_error: str
    elapsed_ns: int
    bytes_sent: int
    bytes_received: int


cdef class LoadGenerator:
    cdef Load load
    cdef bytes requests
    cdef list sockets
    cdef bint is_open           # the poller
    cdef bint is_running

    def __cinit__(self, sockets, bytes requests not None, lengths, *, str protocol not None, int pipeline=1):
        if protocol not in PROTOCOLS:
            raise ValueError(f"the protocol is one of {', '.join(PROTOCOLS)}, not {protocol}")
        self.sockets = list(sockets)
        if not self.sockets:
            raise ValueError("no connections")
        if not 1 <= pipeline <= IN_FLIGHT_MAX // len(self.sockets):
            raise ValueError(f"{pipeline} requests in flight on each of {len(self.sockets)} connections")
        self.load.protocol = PROTOCOLS[protocol]
        self.load.pipeline = <uint32_t>pipeline
        self.take_requests(requests, list(lengths))
        self.take_sockets()

    cdef int take_requests(self, bytes requests, list lengths) except -1:
        cdef uint64_t length = 0
        cdef uint64_t end = 0
        cdef size_t i = 0
        self.load.offsets = <uint64_t*>calloc(<size_t>len(lengths) + 1, sizeof(uint64_t))
        if self.load.offsets == NULL:
            raise MemoryError
        for length in lengths:
            end += length
            i += 1
            self.load.offsets[i] = end
            if length == 0 or end > <uint64_t>PyBytes_GET_SIZE(requests):
                break
        if i == 0 or length == 0 or end != <uint64_t>PyBytes_GET_SIZE(requests):
            raise ValueError("the lengths are not those of the requests, or a request is empty")
        self.requests = requests
        self.load.requests = <const uint8_t*>PyBytes_AS_STRING(requests)
        self.load.request_count = i
        return 0

    cdef int take_sockets(self) except -1:
        cdef uint32_t index
        cdef uint32_t count = <uint32_t>len(self.sockets)
        self.load.connections = <LoadConnection*>calloc(count, sizeof(LoadConnection))
        self.load.times = <uint64_t*>calloc(<size_t>count * self.load.pipeline, sizeof(uint64_t))
        if self.load.connections == NULL or self.load.times == NULL:
            raise MemoryError
        check_system(fluxdb_poller_open(&self.load.poller, count))
        self.is_open = True
        for index in range(count):
            self.load.connections[index].socket = self.sockets[index].fileno()
            self.load.connections[index].sent_ns = self.load.times + <size_t>index * self.load.pipeline
            check_system(EBADF if self.load.connections[index].socket < 0 else 0)
            check_system(fluxdb_poller_add(&self.load.poller, self.load.connections[index].socket, index))
        self.load.connection_count = count
        return 0

    def __dealloc__(self):
        if self.is_open:
            fluxdb_poller_close(&self.load.poller)
        free(self.load.connections)
        free(self.load.times)
        free(self.load.offsets)

    def run(
        self, uint64_t total, LatencyHistogram latencies not None, *, double deadline_seconds=3600,
        double silence_seconds=30, progress=None,
    ):
        cdef LoadStatus status
        if self.is_running:
            raise RuntimeError("the load generator is running, or its last run failed")
        if not 0 < deadline_seconds <= 1e9 or not 0 < silence_seconds <= 1e9:
            raise ValueError("a time-out is above 0 and at most 1e9 seconds")
        self.is_running = True
        self.load.latencies = latencies.histogram
        self.load.to_send = self.load.to_receive = total
        self.load.bytes_sent = self.load.bytes_received = 0
        memset(&self.load.tally, 0, sizeof(ReplyTally))
        self.load.silence_ns = <uint64_t>(silence_seconds * 1e9)
        self.load.deadline_ns = fluxdb_now_ns() + <uint64_t>(deadline_seconds * 1e9)
        with nogil:
            status = load_start(&self.load)
            if status == LOAD_DONE:
                status = load_go(&self.load, fluxdb_now_ns() + TICK_NS)
        while status == LOAD_TICK:
            PyErr_CheckSignals()
            if progress is not None:
                progress(total - self.load.to_receive, total)
            with nogil:
                status = load_go(&self.load, fluxdb_now_ns() + TICK_NS)
        if status != LOAD_DONE:
            self.fail(status, total, deadline_seconds, silence_seconds)
        self.is_running = False     # after a failure the connections are not at rest: another run would go wrong
        if progress is not None:
            progress(total, total)
        return LoadResult(
            self.load.tally.replies, self.load.tally.errors, self.text(),
            self.load.last_reply_ns - self.load.started_ns, self.load.bytes_sent, self.load.bytes_received,
        )

    cdef int fail(self, LoadStatus status, uint64_t total, double deadline_seconds, double silence_seconds) except -1:
        done = f"after {total - self.load.to_receive:,} of {total:,} replies"
        if status == LOAD_DEADLINE:
            raise RequestTimeoutError(f"not done {done}, when the {deadline_seconds:g} s were over")
        if status == LOAD_SILENCE:
            raise RequestTimeoutError(f"no reply for {silence_seconds:g} s, {done}")
        if status == LOAD_CLOSED:
            raise ConnectionLostError(f"the server closed a connection {done}{self.first_error_note()}")
        if status == LOAD_BROKEN:
            raise ConnectionLostError(f"a connection broke {done}: {os.strerror(self.load.system_error)}")
        if status == LOAD_NOT_UNDERSTOOD:
            raise ConnectionLostError(f"the server speaks another protocol; it said: {self.text()!r:.200}")
        raise ConnectionLostError(f"the server sent more replies than it was asked for, {done}")

    cdef first_error_note(self):
        """The first error that came: it may say why the connection was closed."""
        return f"; its first error: {self.text()}" if self.load.tally.errors else ""

    cdef text(self):
        cdef ReplyTally* tally = &self.load.tally
        text = PyBytes_FromStringAndSize(<const char*>tally.error_text, <Py_ssize_t>tally.error_bytes)
        return text.decode("utf-8", "replace").strip()


cdef int check_system(int error) except -1:
    if error:
        raise ConnectionLostError(f"can't wait for a connection: {os.strerror(error)}")
    return 0
