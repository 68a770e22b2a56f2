"""The output of one socket: its replies, and lines that many sockets share.

A line for many is sent from where it lies. The part that does not fit into the system's buffer of a client that reads
nothing is then in memory once for all such clients, and each refers to it: it goes before the peer's output.

Guarded by the reactor's lock. Nothing here closes a socket: -1 says that this is due.
"""

from libc.stddef cimport size_t

from fluxdb._core.reactor.state cimport ReactorState, SharedLine, Socket

# Output that could not be sent yet.
cdef size_t socket_unsent(const Socket* socket) noexcept nogil
# As much as the system takes.
cdef int sending_go_on(ReactorState* reactor, Socket* socket) noexcept nogil
# May a line be sent past the peer's queue, since nothing is before it?
cdef bint sending_is_free(const Socket* socket) noexcept nogil
# Only then. shared is made when the first socket needs it; its maker lets go of it behind the last push.
cdef int sending_push(
    ReactorState* reactor, Socket* socket, const void* line, size_t line_bytes, SharedLine** shared,
) noexcept nogil
cdef void line_release(ReactorState* reactor, SharedLine* line) noexcept nogil
# The socket has no shared line to send any more.
cdef void sending_let_go(ReactorState* reactor, Socket* socket) noexcept nogil
