"""The output of one socket; reactor/sending.pxd says which parts are shared."""

from libc.errno cimport EAGAIN
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fluxdb._core.reactor.poller cimport fluxdb_is_sending, fluxdb_send
from fluxdb._core.serve.connection cimport peer_may_push, peer_sent, peer_unsent
from fluxdb._core.serve.replies cimport bytes_put
from fluxdb._core.serve.state cimport Peer

cdef enum:
    SHARED_BYTES_MIN = 4096     # of a line, left to be sent; less is not worth sharing


cdef size_t socket_unsent(const Socket* socket) noexcept nogil:
    cdef size_t shared = socket.shared.bytes - socket.shared_at if socket.shared != NULL else 0
    return shared + peer_unsent(socket.peer)


cdef int send_some(Socket* socket, const uint8_t* data, size_t left, size_t* sent) noexcept nogil:
    """As much as the system takes, counted in sent."""
    cdef ssize_t taken
    while socket.writable and left:
        taken = fluxdb_send(socket.descriptor, data, left)
        if taken == -EAGAIN:
            socket.writable = False     # room makes an edge
        elif taken < 0:
            return -1
        else:
            data += taken
            left -= <size_t>taken
            sent[0] += <size_t>taken
    return 0


cdef int sending_go_on(ReactorState* reactor, Socket* socket) noexcept nogil:
    cdef Peer* peer = socket.peer
    cdef SharedLine* shared = socket.shared
    cdef size_t sent = 0
    cdef int status
    if shared != NULL:
        status = send_some(
            socket, line_data(shared) + socket.shared_at, shared.bytes - socket.shared_at, &socket.shared_at,
        )
        if status != 0 or socket.shared_at < shared.bytes:
            return status
        sending_let_go(reactor, socket)
    status = send_some(socket, peer.output.data + peer.output_at, peer_unsent(peer), &sent)
    if sent:
        peer_sent(peer, sent)
    return status


cdef bint sending_is_free(const Socket* socket) noexcept nogil:
    return socket_unsent(socket) == 0 and peer_may_push(socket.peer)


cdef int sending_push(
    ReactorState* reactor, Socket* socket, const void* line, size_t line_bytes, SharedLine** shared,
) noexcept nogil:
    cdef const uint8_t* data = <const uint8_t*>line
    cdef size_t sent = 0
    if send_some(socket, data, line_bytes, &sent) != 0:
        return -1
    if line_bytes - sent < SHARED_BYTES_MIN:
        return 0 if bytes_put(&socket.peer.output, data + sent, line_bytes - sent) else -1
    if shared[0] == NULL:
        shared[0] = line_new(reactor, data, line_bytes)
        if shared[0] == NULL:
            return -1
    share(shared[0], socket)
    socket.shared_at = sent
    return 0


cdef void share(SharedLine* line, Socket* socket) noexcept nogil:
    line.users += 1
    socket.shared = line
    socket.previous_sharing = NULL
    socket.next_sharing = line.first_socket
    if line.first_socket != NULL:
        line.first_socket.previous_sharing = socket
    line.first_socket = socket


cdef void sending_let_go(ReactorState* reactor, Socket* socket) noexcept nogil:
    cdef SharedLine* line = socket.shared
    if line == NULL:
        return
    if socket.previous_sharing != NULL:
        socket.previous_sharing.next_sharing = socket.next_sharing
    else:
        line.first_socket = socket.next_sharing
    if socket.next_sharing != NULL:
        socket.next_sharing.previous_sharing = socket.previous_sharing
    socket.shared = NULL
    line_release(reactor, line)


cdef inline uint8_t* line_data(SharedLine* line) noexcept nogil:
    return <uint8_t*>(line + 1)


cdef SharedLine* line_new(ReactorState* reactor, const uint8_t* data, size_t data_bytes) noexcept nogil:
    """Its maker is its first user."""
    cdef SharedLine* line = <SharedLine*>malloc(sizeof(SharedLine) + data_bytes)
    if line == NULL:
        return NULL
    line.users = 1
    line.first_socket = NULL
    line.bytes = data_bytes
    memcpy(line_data(line), data, data_bytes)
    line.next = NULL
    line.previous = reactor.youngest_shared
    if line.previous != NULL:
        line.previous.next = line
    else:
        reactor.oldest_shared = line
    reactor.youngest_shared = line
    reactor.unread_bytes += data_bytes
    return line


cdef void line_release(ReactorState* reactor, SharedLine* line) noexcept nogil:
    if line == NULL:
        return
    line.users -= 1
    if line.users:
        return
    if line.previous != NULL:
        line.previous.next = line.next
    else:
        reactor.oldest_shared = line.next
    if line.next != NULL:
        line.next.previous = line.previous
    else:
        reactor.youngest_shared = line.previous
    reactor.unread_bytes -= line.bytes
    free(line)


def is_sending(int descriptor):
    return fluxdb_is_sending(descriptor)
