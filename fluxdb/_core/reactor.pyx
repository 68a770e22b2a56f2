"""A server's plain sockets, in a thread of their own; reactor.pxd says how."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport errno
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from fluxdb._core.complaints cimport error_line
from fluxdb._core.connection cimport board_count, board_counts, board_durations, is_problem, request_of
from fluxdb._core.peer cimport Handed, peer_reply, peer_unsent
from fluxdb._core.platform cimport (
    fluxdb_bell_close, fluxdb_bell_open, fluxdb_bell_ring, fluxdb_bell_silence, fluxdb_thread_start,
    pthread_join, pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock,
)
from fluxdb._core.poller cimport fluxdb_poller_add, fluxdb_poller_open
from fluxdb._core.reactor_thread cimport BELL, CHANNEL_BELL, push_batch, reactor_goes_first, reactor_main
from fluxdb._core.replies cimport Bytes, bytes_put, bytes_shrink
from fluxdb._core.sending cimport line_release
from fluxdb._core.sockets cimport (
    RECEIVE_BYTES, SharedLine, Socket, socket_close, socket_drain, socket_find, socket_new, socket_pump,
    socket_send_away, sockets_close, tell_python,
)
from fluxdb._core.switchboard cimport switchboard_free, switchboard_init, switchboard_take_handed

import os

from fluxdb.errors import StorageError

cdef extern from "<unistd.h>" nogil:
    int close(int descriptor) noexcept
    int getpid() noexcept

cdef enum:
    PUSHED_AT_ONCE = 8          # sockets that are sent an event in one hold of the lock


@cython.no_gc
cdef class Reactor:
    def __cinit__(
        self, Channel channel not None, *, size_t events_bytes_max, size_t input_bytes_max, bytes input_words not None,
    ):
        cdef ReactorState* state = &self.state
        cdef int error = 0
        memset(state, 0, sizeof(ReactorState))
        state.poller = state.bell[0] = state.bell[1] = state.news[0] = state.news[1] = -1
        pthread_mutex_init(&state.lock, NULL)
        self.channel = channel
        self.process = getpid()
        switchboard_init(&state.board, &channel.owner.commit, channel.state)
        channel.state.leads = True
        state.events_bytes_max = events_bytes_max
        state.input_bytes_max = input_bytes_max
        state.received = <uint8_t*>malloc(RECEIVE_BYTES)
        if state.received == NULL or not put_bytes(&state.input_words, input_words):
            raise MemoryError
        state.poller = fluxdb_poller_open()
        if state.poller < 0:
            error = errno
        error = error or fluxdb_bell_open(state.bell) or fluxdb_bell_open(state.news)
        error = error or fluxdb_poller_add(state.poller, state.bell[0], BELL)
        error = error or fluxdb_poller_add(state.poller, channel.fd, CHANNEL_BELL)
        error = error or fluxdb_thread_start(&state.thread, reactor_main, state)
        if error:
            raise StorageError(f"can't start the thread that serves the sockets: {os.strerror(error)}")
        state.running = True

    def __dealloc__(self):
        cdef ReactorState* state = &self.state
        cdef size_t slot
        self.close()
        if self.process != getpid():
            return      # a fork's child: the lock may be held by a thread that is not here
        for slot in range(state.slots_used):
            free(state.sockets[slot])
        free(state.sockets)
        switchboard_free(&state.board)
        free(state.received)
        free(state.input_words.data)
        free(state.gone.data)
        free(state.roomy.data)
        fluxdb_bell_close(state.bell)
        fluxdb_bell_close(state.news)
        if state.poller >= 0:
            close(state.poller)
        pthread_mutex_destroy(&state.lock)

    cdef int lock(self) except -1:
        with nogil:
            pthread_mutex_lock(&self.state.lock)
        return 0

    cdef int unlock(self) except -1:
        """Python's call is over: what it brought about is told, and gone on with."""
        cdef bint committing = self.state.board.submitted != self.state.board.settled
        tell_python(&self.state)
        if self.state.again != NULL or committing:
            fluxdb_bell_ring(self.state.bell)
        pthread_mutex_unlock(&self.state.lock)
        return 0

    @property
    def fd(self):
        return self.state.news[0]

    def adopt(self, int descriptor, *, size_t line_bytes_max, size_t output_bytes_max, bint authenticated):
        self.lock()
        cdef Socket* socket = socket_new(&self.state, descriptor, line_bytes_max, output_bytes_max, authenticated)
        number = socket.number if socket != NULL else None
        self.unlock()
        if number is None:
            raise MemoryError
        return number

    def news(self):
        cdef list requests = []
        cdef Handed* handed
        self.lock()
        fluxdb_bell_silence(self.state.news)
        self.state.told = False
        gone = take_numbers(&self.state.gone)
        roomy = take_numbers(&self.state.roomy)
        try:
            handed = switchboard_take_handed(&self.state.board)
            while handed != NULL:
                try:
                    if handed.peer != NULL:
                        self.take_handed(handed, requests)
                finally:
                    free(handed)
                handed = switchboard_take_handed(&self.state.board)
        finally:
            self.unlock()
        return requests, gone, roomy

    cdef int take_handed(self, Handed* handed, list requests) except -1:
        cdef Socket* socket = <Socket*>handed.peer.owner
        if not is_problem(handed):
            requests.append((socket.number, *request_of(handed)))
            return 0
        return self.answer(socket, handed.ticket, error_line(handed, self.state.board.commit))

    cdef int answer(self, Socket* socket, uint64_t ticket, bytes line) except -1:
        if peer_reply(socket.peer, ticket, PyBytes_AS_STRING(line), <size_t>PyBytes_GET_SIZE(line)) != 0:
            socket_close(&self.state, socket)
        else:
            socket_pump(&self.state, socket)
        return 0

    def reply(self, uint64_t number, uint64_t ticket, bytes line not None):
        self.lock()
        cdef Socket* socket = socket_find(&self.state, number)
        if socket != NULL:
            self.answer(socket, ticket, line)
        self.unlock()

    def push(self, list numbers not None, bytes lines not None, *, bint always=False):
        cdef list behind = []
        cdef const char* data = PyBytes_AS_STRING(lines)
        cdef size_t data_bytes = <size_t>PyBytes_GET_SIZE(lines)
        cdef uint64_t batch[PUSHED_AT_ONCE]
        cdef bint pushed[PUSHED_AT_ONCE]
        cdef size_t at = 0, count, i, total = <size_t>len(numbers)
        cdef SharedLine* shared = NULL
        while at < total:
            count = min(total - at, <size_t>PUSHED_AT_ONCE)
            for i in range(count):
                batch[i] = numbers[at + i]
            with nogil:
                pthread_mutex_lock(&self.state.lock)
                push_batch(&self.state, batch, pushed, count, data, data_bytes, always, &shared)
                tell_python(&self.state)
                pthread_mutex_unlock(&self.state.lock)
                reactor_goes_first(&self.state)
            for i in range(count):
                if not pushed[i]:
                    behind.append(numbers[at + i])
            at += count
        if shared != NULL:
            self.lock()
            line_release(shared)
            self.unlock()
        return behind

    def authenticate(self, uint64_t number, size_t line_bytes_max):
        self.lock()
        cdef Socket* socket = socket_find(&self.state, number)
        if socket != NULL:
            socket.peer.authenticated = True
            socket.peer.line_bytes_max = line_bytes_max
        self.unlock()

    def send_away(self, uint64_t number, bytes line not None):
        self.lock()
        cdef Socket* socket = socket_find(&self.state, number)
        if socket != NULL:
            socket_send_away(&self.state, socket, PyBytes_AS_STRING(line), <size_t>PyBytes_GET_SIZE(line))
        self.unlock()

    def tick(self, uint64_t first_line_ticks, uint64_t idle_ticks):
        cdef list unheard = []
        cdef list idle = []
        cdef Socket* socket
        cdef size_t slot
        cdef uint64_t now
        self.lock()
        self.state.tick += 1
        now = self.state.tick
        for slot in range(self.state.slots_used):
            socket = self.state.sockets[slot]
            if socket.peer == NULL:
                continue
            if socket.leaving:
                if now - socket.leaving_tick > 1:
                    socket_close(&self.state, socket)
            elif socket.peer.first_line or not socket.peer.authenticated:
                if first_line_ticks and now - socket.born_tick > first_line_ticks:
                    unheard.append(socket.number)
            elif idle_ticks and now - socket.read_tick > idle_ticks and socket.peer.place_count == 0:
                idle.append(socket.number)
        self.unlock()
        return unheard, idle

    def drain(self):
        cdef size_t slot
        self.lock()
        for slot in range(self.state.slots_used):
            if self.state.sockets[slot].peer != NULL:
                socket_drain(&self.state, self.state.sockets[slot])
        self.unlock()

    def abort(self):
        self.lock()
        sockets_close(&self.state)
        self.unlock()

    def close(self):
        cdef ReactorState* state = &self.state
        if not state.running or self.process != getpid():
            return
        state.running = False
        with nogil:
            pthread_mutex_lock(&state.lock)
            state.stopping = True
            fluxdb_bell_ring(state.bell)
            pthread_mutex_unlock(&state.lock)
            pthread_join(state.thread, NULL)
            sockets_close(state)
        state.board.channel = NULL
        self.channel.close()

    # Numbers

    @property
    def connections(self):
        return self.state.open_count

    def totals(self):
        cdef dict totals = {"paused": 0, "input_bytes": 0, "held_bytes": 0, "output_bytes": 0}
        cdef Socket* socket
        cdef size_t slot
        self.lock()
        for slot in range(self.state.slots_used):
            socket = self.state.sockets[slot]
            if socket.peer != NULL:
                totals["paused"] += socket.peer.stalled or socket.peer.choked
                totals["input_bytes"] += socket.peer.input.used - socket.peer.input_at
                totals["held_bytes"] += socket.peer.held.used + socket.peer.waiting_bytes
                totals["output_bytes"] += peer_unsent(socket.peer)
        self.unlock()
        return totals

    @property
    def counts(self):
        return board_counts(&self.state.board)

    def count(self, str kind not None, bint refused):
        board_count(&self.state.board, kind, refused)

    @property
    def durations(self):
        return board_durations(&self.state.board)


cdef bint put_bytes(Bytes* target, bytes data):
    return bytes_put(target, PyBytes_AS_STRING(data), <size_t>PyBytes_GET_SIZE(data))


cdef list take_numbers(Bytes* numbers):
    cdef const uint64_t* number = <const uint64_t*>numbers.data
    cdef size_t count = numbers.used // sizeof(uint64_t)
    cdef size_t i
    cdef list taken = [number[i] for i in range(count)]
    numbers.used = 0
    bytes_shrink(numbers)
    return taken
