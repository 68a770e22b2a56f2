"""The sockets of a reactor: bytes from them to their peers, and replies back. Edge-triggered: each state is kept here.

All of it is guarded by the reactor's lock. A socket reads while its peer takes requests; it is left alone (and the
system's buffers fill, so that the client has to wait) while the peer is stalled or choked.
"""

from libc.stddef cimport size_t

from fluxdb._core.reactor.state cimport ReactorState, SharedLine, Socket

# Receives what has arrived, takes the requests, sends what may go. The socket may be gone afterwards.
cdef void socket_serve(ReactorState* reactor, Socket* socket) noexcept nogil
# The same without receiving, unless there was something left.
cdef void socket_pump(ReactorState* reactor, Socket* socket) noexcept nogil
# False: it has no room for it now (and always is not set); Python is notified when it has. shared: as of
# sending_push.
cdef bint socket_push(
    ReactorState* reactor, Socket* socket, const void* line, size_t line_bytes, bint always, SharedLine** shared,
) noexcept nogil
cdef void socket_send(ReactorState* reactor, Socket* socket) noexcept nogil
cdef void socket_drain(ReactorState* reactor, Socket* socket) noexcept nogil
# Take no more requests; when what was asked for is answered, say why, read on without looking at it for a moment (else
# the words could be lost), then close.
cdef void socket_send_away(ReactorState* reactor, Socket* socket, const void* line, size_t line_bytes) noexcept nogil
cdef void socket_close(ReactorState* reactor, Socket* socket) noexcept nogil
cdef void sockets_close(ReactorState* reactor) noexcept nogil
# Wake Python where there is news.
cdef void tell_python(ReactorState* reactor) noexcept nogil
