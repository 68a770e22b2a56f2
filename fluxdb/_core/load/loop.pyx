"""The loop of the load generator; load/loop.pxd says how it works."""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t

from fluxdb._core.base.platform cimport fluxdb_now_ns
from fluxdb._core.load.histogram cimport histogram_record
from fluxdb._core.load.poller cimport (
    FLUXDB_READABLE, FLUXDB_SEND_FLAGS, FLUXDB_WRITABLE, fluxdb_poller_wait, fluxdb_poller_want,
)
from fluxdb._core.load.replies cimport replies_read

cdef extern from "<sys/socket.h>" nogil:
    Py_ssize_t c_recv "recv"(int socket, void* data, size_t data_bytes, int flags)
    Py_ssize_t c_send "send"(int socket, const void* data, size_t data_bytes, int flags)

cdef enum:
    RECEIVE_BYTES = 65536
    BATCH_REQUESTS_MAX = 1 << 16    # that one send takes


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
