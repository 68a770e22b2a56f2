"""The sockets of a reactor; sockets.pxd says how they are guarded."""

from libc.errno cimport EAGAIN
from libc.stdlib cimport calloc, free, realloc

from fluxdb._core.peer cimport peer_close, peer_new, peer_push, peer_unsent
from fluxdb._core.platform cimport fluxdb_bell_ring
from fluxdb._core.poller cimport fluxdb_poller_add, fluxdb_receive
from fluxdb._core.replies cimport bytes_put, bytes_shrink
from fluxdb._core.requests cimport TAKEN_BROKEN, TAKEN_HANDED, requests_feed, requests_take
from fluxdb._core.sending cimport line_release, sending_go_on, sending_is_free, sending_push, socket_unsent

cdef extern from "<sys/socket.h>" nogil:
    int shutdown(int descriptor, int how) noexcept
    int SHUT_WR

cdef extern from "<unistd.h>" nogil:
    int close(int descriptor) noexcept

cdef enum:
    COUNTED_BYTES = 65536       # of a request that is not whole; what is less does not count as memory in use


# ---- coming ----

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
    if socket.peer == NULL or fluxdb_poller_add(reactor.poller, descriptor, socket.number) != 0:
        if socket.peer != NULL:
            peer_close(socket.peer)
        socket.peer = NULL
        socket.next_free = reactor.free_slots
        reactor.free_slots = socket
        return NULL
    socket.descriptor = descriptor
    socket.writable = True
    socket.readable = socket.hung_up = socket.draining = socket.leaving = socket.shut = socket.behind = False
    socket.counted_bytes = 0
    socket.born_tick = socket.read_tick = reactor.tick
    reactor.open_count += 1
    return socket


cdef Socket* socket_find(ReactorState* reactor, uint64_t number) noexcept nogil:
    cdef size_t slot = <uint32_t>number
    cdef Socket* socket
    if slot >= reactor.slots_used:
        return NULL
    socket = reactor.sockets[slot]
    return socket if socket.number == number and socket.peer != NULL else NULL


# ---- requests ----

cdef void go_on_later(ReactorState* reactor, Socket* socket) noexcept nogil:
    """After the others have had their turn."""
    if not socket.again:
        socket.again = True
        socket.next_again = reactor.again
        reactor.again = socket


cdef bint is_open(const Socket* socket) noexcept nogil:
    return socket.peer != NULL


cdef void socket_serve(ReactorState* reactor, Socket* socket) noexcept nogil:
    cdef Peer* peer = socket.peer
    cdef ssize_t got
    while socket.readable and (socket.leaving or not (socket.draining or peer.stalled or peer.choked)):
        got = fluxdb_receive(socket.descriptor, reactor.received, RECEIVE_BYTES)
        if got == -EAGAIN:
            socket.readable = False
            break
        if got <= 0:
            socket.readable = False
            end_of_input(reactor, socket, got < 0)
            return
        if got < RECEIVE_BYTES and not socket.hung_up:
            socket.readable = False     # that was all; more makes a new edge
        socket.read_tick = reactor.tick
        if not socket.leaving and requests_feed(peer, reactor.received, <size_t>got) != 0:
            socket_close(reactor, socket)
            return
        if socket.readable:
            go_on_later(reactor, socket)
        break
    socket_pump(reactor, socket)


cdef void end_of_input(ReactorState* reactor, Socket* socket, bint broken) noexcept nogil:
    """The client has said all: it gets its replies, then the connection is closed."""
    if broken or socket.leaving:
        socket_close(reactor, socket)
    else:
        socket_drain(reactor, socket)


cdef void socket_pump(ReactorState* reactor, Socket* socket) noexcept nogil:
    cdef Peer* peer = socket.peer
    cdef int taken = TAKEN_HANDED
    cdef bint sending
    if socket.leaving:
        finish_leaving(reactor, socket)
        return
    while taken == TAKEN_HANDED:
        taken = requests_take(peer)
    if taken == TAKEN_BROKEN or peer.broken:
        socket_close(reactor, socket)
        return
    sending = socket_unsent(socket) != 0
    socket_send(reactor, socket)
    if not is_open(socket):
        return
    if peer.choked and sending and socket_unsent(socket) == 0:
        go_on_later(reactor, socket)    # else it waits for the disk, or for Python
    elif socket.readable and not (socket.draining or peer.stalled or peer.choked):
        go_on_later(reactor, socket)
    count_input(reactor, socket)
    if is_open(socket):
        leave_if_done(reactor, socket)


cdef void leave_if_done(ReactorState* reactor, Socket* socket) noexcept nogil:
    cdef Peer* peer = socket.peer
    if peer.place_count or socket_unsent(socket):
        return
    if peer.ended:
        socket_send_away(reactor, socket, NULL, 0)
    elif socket.draining and not peer.choked:
        socket_close(reactor, socket)


cdef void count_input(ReactorState* reactor, Socket* socket) noexcept nogil:
    cdef size_t unread = socket.peer.input.used - socket.peer.input_at
    cdef size_t counted = unread if unread > COUNTED_BYTES else 0
    if counted == socket.counted_bytes:
        return
    reactor.input_bytes += counted - socket.counted_bytes
    socket.counted_bytes = counted
    if counted and reactor.input_bytes > reactor.input_bytes_max:
        socket_send_away(reactor, socket, reactor.input_words.data, reactor.input_words.used)


# ---- replies ----

cdef void socket_send(ReactorState* reactor, Socket* socket) noexcept nogil:
    """What may be sent, as far as the system takes it."""
    if sending_go_on(socket) != 0:
        socket_close(reactor, socket)
        return
    if socket.behind and socket.shared == NULL and peer_unsent(socket.peer) * 4 <= reactor.events_bytes_max:
        socket.behind = False
        bytes_put(&reactor.roomy, &socket.number, sizeof(uint64_t))


cdef bint socket_push(
    ReactorState* reactor, Socket* socket, const void* line, size_t line_bytes, bint always, SharedLine** shared,
) noexcept nogil:
    cdef Peer* peer = socket.peer
    cdef size_t unsent = peer_unsent(peer)
    cdef size_t waiting = unsent + peer.held.used + (line_bytes if unsent else 0)   # of who reads it is sent soon
    cdef int status
    if socket.leaving or (socket.behind and not always):
        return False
    if sending_is_free(socket):
        status = sending_push(socket, line, line_bytes, shared)
    elif not always and (socket.shared != NULL or waiting > reactor.events_bytes_max):
        socket.behind = True
        return False
    else:
        status = peer_push(peer, line, line_bytes)
    if status != 0:
        socket_close(reactor, socket)
    return True


# ---- going ----

cdef void socket_drain(ReactorState* reactor, Socket* socket) noexcept nogil:
    socket.draining = True
    socket_pump(reactor, socket)


cdef void socket_send_away(ReactorState* reactor, Socket* socket, const void* line, size_t line_bytes) noexcept nogil:
    cdef Peer* peer = socket.peer
    if socket.leaving:
        return
    socket.leaving = True
    socket.leaving_tick = reactor.tick
    peer.ended = True
    peer.input.used = peer.input_at = 0
    bytes_shrink(&peer.input)
    reactor.input_bytes -= socket.counted_bytes
    socket.counted_bytes = 0
    if line_bytes:
        bytes_put(&peer.output, line, line_bytes)
    finish_leaving(reactor, socket)


cdef void finish_leaving(ReactorState* reactor, Socket* socket) noexcept nogil:
    socket_send(reactor, socket)
    if not is_open(socket) or socket_unsent(socket):
        return
    if not socket.shut:
        socket.shut = True
        if shutdown(socket.descriptor, SHUT_WR) != 0:
            socket_close(reactor, socket)
            return
    if socket.readable:
        go_on_later(reactor, socket)


cdef void socket_close(ReactorState* reactor, Socket* socket) noexcept nogil:
    if not is_open(socket):
        return
    reactor.input_bytes -= socket.counted_bytes
    reactor.open_count -= 1
    peer_close(socket.peer)
    socket.peer = NULL
    line_release(socket.shared)
    socket.shared = NULL
    close(socket.descriptor)
    bytes_put(&reactor.gone, &socket.number, sizeof(uint64_t))
    socket.number += <uint64_t>1 << 32
    socket.next_free = reactor.free_slots
    reactor.free_slots = socket


cdef void sockets_close(ReactorState* reactor) noexcept nogil:
    cdef size_t slot
    for slot in range(reactor.slots_used):
        socket_close(reactor, reactor.sockets[slot])


cdef void tell_python(ReactorState* reactor) noexcept nogil:
    if reactor.told:
        return
    if reactor.board.first_handed != NULL or reactor.gone.used or reactor.roomy.used:
        reactor.told = True
        fluxdb_bell_ring(reactor.news)
