"""The load generator; load_generator.pxd says how it works."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fluxdb._core.load_histogram cimport LatencyHistogram, histogram_record
from fluxdb._core.load_replies cimport REPLIES_LINES, REPLIES_RESP, replies_read
from fluxdb._core.platform cimport fluxdb_now_ns

import os
from typing import NamedTuple

from fluxdb.errors import ConnectionLostError, RequestTimeoutError

cdef extern from "<sys/socket.h>" nogil:
    Py_ssize_t c_recv "recv"(int socket, void* data, size_t data_bytes, int flags)
    Py_ssize_t c_send "send"(int socket, const void* data, size_t data_bytes, int flags)

cdef enum:
    TICK_NS = 100_000_000
    RECEIVE_BYTES = 65536
    IN_FLIGHT_MAX = 1 << 24         # of all connections: 8 bytes of time each
    BATCH_REQUESTS_MAX = 1 << 16    # that one send takes

PROTOCOLS = {"flux": REPLIES_LINES, "resp": REPLIES_RESP}


class LoadResult(NamedTuple):
    replies: int
    errors: int
    first_error: str
    elapsed_ns: int
    bytes_sent: int
    bytes_received: int


cdef LoadStatus load_start(Load* load) noexcept nogil:
    cdef uint32_t index
    cdef LoadStatus status
    load.started_ns = load.last_reply_ns = fluxdb_now_ns()
    for index in range(load.connection_count):
        status = refill(load, index, fluxdb_now_ns())
        if status != LOAD_DONE:
            return status
    return LOAD_DONE


cdef LoadStatus load_go(Load* load, uint64_t tick_ns) noexcept nogil:
    cdef LoadStatus status
    cdef int ready, i
    cdef uint64_t now = fluxdb_now_ns()
    while load.to_receive:
        now = fluxdb_now_ns()
        if now >= load.deadline_ns:
            return LOAD_DEADLINE
        if now - load.last_reply_ns >= load.silence_ns:
            return LOAD_SILENCE
        if now >= tick_ns:
            return LOAD_TICK
        ready = fluxdb_poller_wait(&load.poller, <int>((tick_ns - now) // 1_000_000) + 1)
        if ready < 0:
            if errno == EINTR:
                return LOAD_TICK
            return broken(load)
        for i in range(ready):
            status = serve(load, load.poller.ready[i].index, load.poller.ready[i].what)
            if status != LOAD_DONE:
                return status
    return LOAD_DONE


cdef LoadStatus serve(Load* load, uint32_t index, uint32_t what) noexcept nogil:
    """A connection that is ready."""
    cdef LoadStatus status
    if what & FLUXDB_READABLE:
        status = receive(load, index)
        if status != LOAD_DONE:
            return status
    if what & FLUXDB_WRITABLE:
        return refill(load, index, fluxdb_now_ns())
    return LOAD_DONE


cdef LoadStatus receive(Load* load, uint32_t index) noexcept nogil:
    """The replies that are there, and requests in their place."""
    cdef LoadConnection* connection = &load.connections[index]
    cdef uint8_t data[RECEIVE_BYTES]
    cdef int64_t replies
    cdef uint64_t now
    cdef Py_ssize_t got = c_recv(connection.socket, data, RECEIVE_BYTES, 0)
    if got == 0:
        return LOAD_CLOSED
    if got < 0:
        return LOAD_DONE if errno == EAGAIN or errno == EINTR else broken(load)
    load.bytes_received += <uint64_t>got
    replies = replies_read(&connection.reader, &load.tally, load.protocol, data, <size_t>got)
    if replies < 0:
        return LOAD_NOT_UNDERSTOOD
    if replies > connection.in_flight:
        return LOAD_UNASKED
    if replies == 0:
        return LOAD_DONE
    now = fluxdb_now_ns()
    load.last_reply_ns = now
    measure(load, connection, <uint32_t>replies, now)
    return refill(load, index, now)


cdef void measure(Load* load, LoadConnection* connection, uint32_t replies, uint64_t now) noexcept nogil:
    cdef uint32_t i
    for i in range(replies):
        histogram_record(load.latencies, now - connection.sent_ns[connection.oldest])
        connection.oldest += 1
        if connection.oldest == load.pipeline:
            connection.oldest = 0
    connection.in_flight -= replies
    load.to_receive -= replies


cdef LoadStatus refill(Load* load, uint32_t index, uint64_t now) noexcept nogil:
    """Send what waits, then requests up to `pipeline` in flight."""
    cdef LoadConnection* connection = &load.connections[index]
    cdef LoadStatus status
    cdef bint all_sent
    while True:
        if connection.unsent_from == connection.unsent_to and not take_requests(load, connection, now):
            all_sent = True
            break
        status = send_on(load, connection)
        if status != LOAD_DONE:
            return status
        if connection.unsent_from != connection.unsent_to:
            all_sent = False
            break
    if connection.wants_room == all_sent:
        connection.wants_room = not all_sent
        load.system_error = fluxdb_poller_want(&load.poller, connection.socket, index, connection.wants_room)
        if load.system_error:
            return LOAD_BROKEN
    return LOAD_DONE


cdef bint take_requests(Load* load, LoadConnection* connection, uint64_t now) noexcept nogil:
    """The next requests, as many as may be in flight, become the connection's to send: False for none."""
    cdef uint64_t count = load.pipeline - connection.in_flight
    cdef uint64_t i
    cdef uint32_t place
    count = min(count, load.to_send, load.request_count - load.next_request, <uint64_t>BATCH_REQUESTS_MAX)
    if count == 0:
        return False
    connection.unsent_from = load.offsets[load.next_request]
    connection.unsent_to = load.offsets[load.next_request + count]
    load.next_request += count
    if load.next_request == load.request_count:
        load.next_request = 0
    load.to_send -= count
    for i in range(count):
        place = connection.oldest + connection.in_flight
        if place >= load.pipeline:
            place -= load.pipeline
        connection.sent_ns[place] = now
        connection.in_flight += 1
    return True


cdef LoadStatus send_on(Load* load, LoadConnection* connection) noexcept nogil:
    cdef Py_ssize_t sent
    while connection.unsent_from != connection.unsent_to:
        sent = c_send(
            connection.socket, load.requests + connection.unsent_from,
            connection.unsent_to - connection.unsent_from, FLUXDB_SEND_FLAGS,
        )
        if sent < 0:
            if errno == EINTR:
                continue
            return LOAD_DONE if errno == EAGAIN else broken(load)
        connection.unsent_from += <size_t>sent
        load.bytes_sent += <uint64_t>sent
    return LOAD_DONE


cdef LoadStatus broken(Load* load) noexcept nogil:
    load.system_error = errno
    return LOAD_BROKEN


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
        cdef uint64_t length
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
        self.is_running = False     # behind a failure the connections are not at rest: another run would go wrong
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
            raise ConnectionLostError(f"the server closed a connection {done}{self.complaint()}")
        if status == LOAD_BROKEN:
            raise ConnectionLostError(f"a connection broke {done}: {os.strerror(self.load.system_error)}")
        if status == LOAD_NOT_UNDERSTOOD:
            raise ConnectionLostError(f"the server speaks another protocol; it said: {self.text()!r:.200}")
        raise ConnectionLostError(f"the server sent more replies than it was asked for, {done}")

    cdef complaint(self):
        """The first error that came: it may say why the connection was closed."""
        return f"; its first error: {self.text()}" if self.load.tally.errors else ""

    cdef text(self):
        cdef const char* text = <const char*>self.load.tally.error_text
        return PyBytes_FromStringAndSize(text, <Py_ssize_t>self.load.tally.error_bytes).decode("utf-8", "replace").strip()


cdef int check_system(int error) except -1:
    if error:
        raise ConnectionLostError(f"can't wait for a connection: {os.strerror(error)}")
    return 0
