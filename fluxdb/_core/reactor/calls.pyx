"""Python's calls into a reactor; reactor/calls.pxd has their rules."""

from libc.stdlib cimport malloc
from libc.string cimport memset

from fluxdb._core.base.platform cimport fluxdb_bell_ring, fluxdb_bell_silence, pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.reactor.poller cimport fluxdb_is_sending, fluxdb_poller_is_asked
from fluxdb._core.reactor.sending cimport line_release
from fluxdb._core.reactor.socket_slots cimport socket_find, socket_new, sockets_forget_gone
from fluxdb._core.reactor.sockets cimport (
    socket_close, socket_drain, socket_pump, socket_push, socket_send, socket_send_away, sockets_close, tell_python,
)
from fluxdb._core.reactor.state cimport SharedLine, Socket
from fluxdb._core.reactor.thread cimport reactor_goes_first
from fluxdb._core.serve.connection cimport peer_handed_taken, peer_reply, peer_unread_bytes, peer_unsent
from fluxdb._core.serve.replies cimport bytes_put

cdef enum:
    PUSHED_AT_ONCE = 8          # sockets that are sent an event in one hold of the lock


cdef void begin(ReactorState* state) noexcept nogil:
    pthread_mutex_lock(&state.lock)


cdef void end(ReactorState* state) noexcept nogil:
    """Report the effects of the call, and continue with them."""
    cdef bint committing = state.board.submitted != state.board.settled
    tell_python(state)
    if state.again != NULL or committing or fluxdb_poller_is_asked(&state.poller):
        fluxdb_bell_ring(state.bell)
    pthread_mutex_unlock(&state.lock)


cdef uint64_t ask_adopt(
    ReactorState* state, int descriptor, size_t line_bytes_max, size_t output_bytes_max, bint authenticated,
) noexcept nogil:
    cdef Socket* socket
    cdef uint64_t number
    begin(state)
    socket = socket_new(state, descriptor, line_bytes_max, output_bytes_max, authenticated)
    number = socket.number if socket != NULL else <uint64_t>NO_NUMBER
    end(state)
    return number


cdef void ask_news(ReactorState* state, News* news) noexcept nogil:
    cdef Handed* handed
    begin(state)
    fluxdb_bell_silence(state.news)
    state.told = False
    take_numbers(state, news)
    news.handed = state.board.first_handed
    state.board.first_handed = state.board.last_handed = NULL
    handed = news.handed
    while handed != NULL:
        handed.owner_number = <uint64_t>NO_NUMBER
        if handed.peer != NULL:
            handed.owner_number = (<Socket*>handed.peer.owner).number
            peer_handed_taken(handed.peer)
        handed.peer = NULL      # it may go at any time from here on
        handed = handed.next
    end(state)


cdef void take_numbers(ReactorState* state, News* news) noexcept nogil:
    cdef Socket* socket = state.gone
    news.gone_count = news.roomy_count = 0
    news.numbers = <uint64_t*>malloc((state.gone_count + state.roomy_count + 1) * sizeof(uint64_t))
    if news.numbers == NULL:
        return
    while socket != NULL:   # the latest comes first in the list
        news.gone_count += 1
        news.numbers[state.gone_count - news.gone_count] = socket.number
        socket = socket.next_free
    while state.roomy != NULL:
        socket = state.roomy
        state.roomy = socket.next_roomy
        socket.roomy = False
        if socket.peer != NULL:
            news.numbers[news.gone_count + news.roomy_count] = socket.number
            news.roomy_count += 1
    state.roomy_count = 0
    sockets_forget_gone(state)


cdef void ask_reply(
    ReactorState* state, uint64_t number, uint64_t ticket, const void* line, size_t line_bytes,
) noexcept nogil:
    cdef Socket* socket
    begin(state)
    socket = socket_find(state, number)
    if socket != NULL:
        if peer_reply(socket.peer, ticket, line, line_bytes) != 0:
            socket_close(state, socket)
        else:
            socket_pump(state, socket)
    end(state)


cdef void ask_push(
    ReactorState* state, const uint64_t* numbers, bint* pushed, size_t count, const void* line, size_t line_bytes,
    bint always,
) noexcept nogil:
    cdef SharedLine* shared = NULL
    cdef Socket* socket
    cdef size_t at = 0
    while at < count:
        begin(state)
        while True:
            socket = socket_find(state, numbers[at])    # those who are gone count as told
            pushed[at] = socket == NULL or socket_push(state, socket, line, line_bytes, always, &shared)
            if pushed[at] and socket != NULL and socket.peer != NULL:
                socket_send(state, socket)
            at += 1
            if at == count or at % PUSHED_AT_ONCE == 0:
                break
        if at == count:
            line_release(state, shared)
        tell_python(state)
        if fluxdb_poller_is_asked(&state.poller):
            fluxdb_bell_ring(state.bell)
        pthread_mutex_unlock(&state.lock)
        reactor_goes_first(state)


cdef void ask_authenticate(
    ReactorState* state, uint64_t number, size_t line_bytes_max, size_t output_bytes_max,
) noexcept nogil:
    cdef Socket* socket
    begin(state)
    socket = socket_find(state, number)
    if socket != NULL:
        socket.peer.authenticated = True
        socket.peer.line_bytes_max = line_bytes_max
        socket.peer.output_bytes_max = output_bytes_max
    end(state)


cdef void ask_send_away(ReactorState* state, uint64_t number, const void* line, size_t line_bytes) noexcept nogil:
    cdef Socket* socket
    begin(state)
    socket = socket_find(state, number)
    if socket != NULL:
        socket_send_away(state, socket, line, line_bytes)
    end(state)


cdef void ask_close(ReactorState* state, uint64_t number) noexcept nogil:
    cdef Socket* socket
    begin(state)
    socket = socket_find(state, number)
    if socket != NULL:
        socket_close(state, socket)
    end(state)


cdef void ask_tick(
    ReactorState* state, uint64_t first_line_ticks, uint64_t idle_ticks, Bytes* unheard, Bytes* idle,
) noexcept nogil:
    cdef size_t slot
    begin(state)
    state.tick += 1
    for slot in range(state.slots_used):
        if state.sockets[slot].peer != NULL:
            tick(state, state.sockets[slot], first_line_ticks, idle_ticks, unheard, idle)
    end(state)


cdef void tick(
    ReactorState* state, Socket* socket, uint64_t first_line_ticks, uint64_t idle_ticks, Bytes* unheard, Bytes* idle,
) noexcept nogil:
    cdef uint64_t now = state.tick
    if socket.peer.ended and socket.ended_tick == 0:
        socket.ended_tick = now
    if socket.leaving and socket.draining and not socket.peer.ended:
        if not fluxdb_is_sending(socket.descriptor):    # else it has until ask_abort
            socket_close(state, socket)
    elif socket.leaving:
        if now - socket.leaving_tick > 1:
            socket_close(state, socket)
    elif socket.peer.ended:
        # It does not read the rest. Replies that wait for the disk, or for Python, arrive by themselves.
        if socket.peer.place_count == 0 and now - socket.ended_tick > 1:
            socket_close(state, socket)
    elif socket.peer.first_line or not socket.peer.authenticated:
        if first_line_ticks and now - socket.born_tick > first_line_ticks:
            bytes_put(unheard, &socket.number, sizeof(uint64_t))
    elif socket.peer.place_count or socket.peer.large != NULL:
        pass    # it waits for us
    elif idle_ticks and now - socket.read_tick > idle_ticks:
        bytes_put(idle, &socket.number, sizeof(uint64_t))


cdef void ask_drain(ReactorState* state) noexcept nogil:
    cdef size_t slot
    begin(state)
    for slot in range(state.slots_used):
        if state.sockets[slot].peer != NULL:
            socket_drain(state, state.sockets[slot])
    end(state)


cdef void ask_abort(ReactorState* state) noexcept nogil:
    begin(state)
    sockets_close(state)
    end(state)


cdef void ask_totals(ReactorState* state, Totals* totals) noexcept nogil:
    cdef SharedLine* line
    cdef Socket* socket
    cdef size_t slot
    memset(totals, 0, sizeof(Totals))
    begin(state)
    for slot in range(state.slots_used):
        socket = state.sockets[slot]
        if socket.peer != NULL:
            totals.paused += socket.peer.stalled or socket.peer.choked
            totals.input_bytes += peer_unread_bytes(socket.peer)
            totals.held_bytes += socket.peer.held.used + socket.peer.waiting_bytes
            totals.output_bytes += peer_unsent(socket.peer)
    line = state.oldest_shared
    while line != NULL:
        totals.output_bytes += line.bytes       # once, however many it is for
        line = line.next
    totals.cut_off = state.cut_off
    end(state)
