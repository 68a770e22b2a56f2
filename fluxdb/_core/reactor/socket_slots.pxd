"""The slots of a reactor's sockets. With the reactor's lock held.

A slot is used again; its number says how often it was, so one of a socket that is gone finds nothing.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t

from fluxdb._core.reactor.state cimport ReactorState, Socket

# A new socket for a descriptor, which it owns; NULL where there is no memory.
cdef Socket* socket_new(
    ReactorState* reactor, int descriptor, size_t line_bytes_max, size_t output_bytes_max, bint authenticated,
) noexcept nogil
# The slots of closed sockets may be used again, because Python knows of them.
cdef void sockets_forget_gone(ReactorState* reactor) noexcept nogil
# NULL: it is gone.
cdef Socket* socket_find(ReactorState* reactor, uint64_t number) noexcept nogil
