"""The sockets of a reactor; reactor/sockets.pxd says how they are guarded."""

from libc.errno cimport EAGAIN

from fluxdb._core.base.platform cimport fluxdb_bell_ring
from fluxdb._core.reactor.poller cimport fluxdb_is_sending, fluxdb_receive
from fluxdb._core.reactor.sending cimport (
    line_release, sending_go_on, sending_is_free, sending_let_go, sending_push, socket_unsent,
)
from fluxdb._core.reactor.state cimport RECEIVE_BYTES
from fluxdb._core.serve.connection cimport (
    peer_close, peer_push, peer_reply_memory_bytes, peer_say, peer_unread_bytes, peer_unsent,
)
from fluxdb._core.serve.requests cimport TAKEN_BROKEN, TAKEN_HANDED, requests_feed, requests_take
from fluxdb._core.serve.state cimport Peer

cdef extern from "<sys/socket.h>" nogil:
    int shutdown(int descriptor, int how) noexcept
    int SHUT_WR

cdef extern from "<unistd.h>" nogil:
    int close(int descriptor) noexcept

cdef enum:
    COUNTED_BYTES = 65536       # of a request that is not whole, or of replies; what is less does not count


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
    while taken == TAKEN_HANDED and not peer.broken:
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
        count_output(reactor, socket)
    if is_open(socket):
        leave_if_done(reactor, socket)


cdef void leave_if_done(ReactorState* reactor, Socket* socket) noexcept nogil:
    cdef Peer* peer = socket.peer
    if peer.place_count or socket_unsent(socket):
        return
    if not peer.ended and (not socket.draining or peer.choked or peer.stalled):
        return
    if peer.ended or fluxdb_is_sending(socket.descriptor):
        leave(reactor, socket)      # else what it says meanwhile would cost it the replies that it has not got yet
    else:
        socket_close(reactor, socket)


cdef void count_input(ReactorState* reactor, Socket* socket) noexcept nogil:
    cdef size_t unread = peer_unread_bytes(socket.peer)
    cdef size_t counted = unread if unread > COUNTED_BYTES else 0
    if counted == socket.counted_bytes:
        return
    reactor.input_bytes += counted - socket.counted_bytes
    socket.counted_bytes = counted
    if counted and reactor.input_bytes > reactor.input_bytes_max:
        socket_send_away(reactor, socket, reactor.input_message.data, reactor.input_message.used)


# ---- replies ----

cdef void count_output(ReactorState* reactor, Socket* socket) noexcept nogil:
    cdef size_t waiting = peer_reply_memory_bytes(socket.peer)
    cdef size_t counted = waiting if waiting > COUNTED_BYTES else 0
    if counted == socket.counted_output:
        return
    reactor.unread_bytes += counted - socket.counted_output
    socket.counted_output = counted
    if reactor.unread_bytes > reactor.unread_bytes_max:
        cut_off(reactor, socket)


cdef void cut_off(ReactorState* reactor, Socket* socket) noexcept nogil:
    """More waits to be read than may: close those who have had an event's line before them for the longest time, then
    the one that went over. They read nothing, so there is no way to tell them why."""
    cdef SharedLine* line = reactor.oldest_shared
    cdef SharedLine* younger
    while line != NULL and reactor.unread_bytes > reactor.unread_bytes_max:
        line.users += 1     # it stays while its sockets go
        while line.first_socket != NULL:
            reactor.cut_off += 1
            socket_close(reactor, line.first_socket)
        younger = line.next
        line_release(reactor, line)
        line = younger
    if reactor.unread_bytes > reactor.unread_bytes_max and is_open(socket) and socket.counted_output:
        reactor.cut_off += 1
        socket_close(reactor, socket)


cdef void socket_send(ReactorState* reactor, Socket* socket) noexcept nogil:
    """Send the output that may go, as far as the system takes it."""
    if sending_go_on(reactor, socket) != 0:
        socket_close(reactor, socket)
        return
    if socket.behind and socket.shared == NULL and peer_unsent(socket.peer) * 4 <= reactor.events_bytes_max:
        socket.behind = False
        if not socket.roomy:
            socket.roomy = True
            socket.next_roomy = reactor.roomy
            reactor.roomy = socket
            reactor.roomy_count += 1


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
        status = sending_push(reactor, socket, line, line_bytes, shared)
    elif not always and (socket.shared != NULL or waiting > reactor.events_bytes_max):
        socket.behind = True
        return False
    else:
        status = peer_push(peer, line, line_bytes)
    if status != 0:
        socket_close(reactor, socket)
    elif reactor.unread_bytes > reactor.unread_bytes_max:
        cut_off(reactor, socket)
    return True


# ---- going ----

cdef void socket_drain(ReactorState* reactor, Socket* socket) noexcept nogil:
    socket.draining = True
    socket_pump(reactor, socket)


cdef void socket_send_away(ReactorState* reactor, Socket* socket, const void* line, size_t line_bytes) noexcept nogil:
    if socket.peer.ended or socket.leaving:
        return
    socket.peer.ended = True
    if peer_say(socket.peer, line, line_bytes) != 0:
        socket_close(reactor, socket)
    else:
        socket_pump(reactor, socket)


cdef void leave(ReactorState* reactor, Socket* socket) noexcept nogil:
    socket.leaving = True
    socket.leaving_tick = reactor.tick
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
    reactor.unread_bytes -= socket.counted_output
    reactor.open_count -= 1
    peer_close(socket.peer)
    socket.peer = NULL      # a slot without a peer is not found any more
    sending_let_go(reactor, socket)
    close(socket.descriptor)
    socket.next_free = reactor.gone
    reactor.gone = socket
    reactor.gone_count += 1


cdef void sockets_close(ReactorState* reactor) noexcept nogil:
    cdef size_t slot
    for slot in range(reactor.slots_used):
        socket_close(reactor, reactor.sockets[slot])


cdef void tell_python(ReactorState* reactor) noexcept nogil:
    if reactor.told:
        return
    if reactor.board.first_handed != NULL or reactor.gone != NULL or reactor.roomy != NULL:
        reactor.told = True
        fluxdb_bell_ring(reactor.news)
