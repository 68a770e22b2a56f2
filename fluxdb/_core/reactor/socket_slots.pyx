"""The slots of a reactor's sockets; reactor/sockets.pxd says what a socket is."""

from libc.stdlib cimport calloc, realloc

from fluxdb._core.reactor.poller cimport fluxdb_poller_add
from fluxdb._core.serve.connection cimport peer_close, peer_new


cdef Socket* free_slot(ReactorState* reactor) noexcept nogil:
    cdef Socket* socket = reactor.free_slots
    cdef size_t slots
    cdef Socket** larger
    if socket != NULL:
        reactor.free_slots = socket.next_free
        return socket
    if reactor.slots_used == reactor.slots:
        slots = reactor.slots * 2 if reactor.slots else 64
        larger = <Socket**>realloc(reactor.sockets, slots * sizeof(Socket*))
        if larger == NULL:
            return NULL
        reactor.sockets = larger
        reactor.slots = slots
    socket = <Socket*>calloc(1, sizeof(Socket))
    if socket != NULL:
        socket.number = reactor.slots_used
        reactor.sockets[reactor.slots_used] = socket
        reactor.slots_used += 1
    return socket


cdef Socket* socket_new(
    ReactorState* reactor, int descriptor, size_t line_bytes_max, size_t output_bytes_max, bint authenticated,
) noexcept nogil:
    cdef Socket* socket = free_slot(reactor)
    if socket == NULL:
        return NULL
    socket.peer = peer_new(&reactor.board, socket, line_bytes_max, output_bytes_max, authenticated)
    if socket.peer == NULL or fluxdb_poller_add(&reactor.poller, descriptor, socket.number) != 0:
        if socket.peer != NULL:
            peer_close(socket.peer)
        socket.peer = NULL
        socket.next_free = reactor.free_slots
        reactor.free_slots = socket
        return NULL
    socket.descriptor = descriptor
    socket.writable = True
    socket.readable = socket.hung_up = socket.draining = socket.leaving = socket.shut = socket.behind = False
    socket.counted_bytes = socket.counted_output = 0
    socket.ended_tick = 0
    socket.born_tick = socket.read_tick = reactor.tick
    reactor.open_count += 1
    return socket


cdef void sockets_forget_gone(ReactorState* reactor) noexcept nogil:
    cdef Socket* socket
    while reactor.gone != NULL:
        socket = reactor.gone
        reactor.gone = socket.next_free
        socket.number += <uint64_t>1 << 32
        socket.next_free = reactor.free_slots
        reactor.free_slots = socket
    reactor.gone_count = 0


cdef Socket* socket_find(ReactorState* reactor, uint64_t number) noexcept nogil:
    cdef size_t slot = <uint32_t>number
    cdef Socket* socket
    if slot >= reactor.slots_used:
        return NULL
    socket = reactor.sockets[slot]
    return socket if socket.number == number and socket.peer != NULL else NULL
