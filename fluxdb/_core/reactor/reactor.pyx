"""A server's plain sockets, in dedicated threads; reactor/reactor.pxd has the contract."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stddef cimport size_t
from libc.stdint cimport UINT64_MAX, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from fluxdb._core.base.platform cimport (
    fluxdb_bell_close, fluxdb_bell_open, fluxdb_bell_ring, fluxdb_now_ns, fluxdb_thread_start, pthread_join,
    pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock,
)
from fluxdb._core.reactor.calls cimport (
    NO_NUMBER, News, Totals, ask_abort, ask_adopt, ask_authenticate, ask_close, ask_drain, ask_news, ask_push,
    ask_reply, ask_send_away, ask_tick, ask_totals,
)
from fluxdb._core.reactor.poller cimport (
    FLUXDB_HAS_EPOLL, fluxdb_poller_add, fluxdb_poller_close, fluxdb_poller_open,
)
from fluxdb._core.reactor.shifts cimport shifts_free, shifts_init, shifts_stop, shifts_wait_for_end
from fluxdb._core.reactor.sockets cimport sockets_close
from fluxdb._core.reactor.state cimport RECEIVE_BYTES, ReactorThread
from fluxdb._core.reactor.thread cimport BELL, CHANNEL_BELL, reactor_main
from fluxdb._core.serve.inflight cimport switchboard_end, switchboard_free, switchboard_init
from fluxdb._core.serve.refusals cimport error_line
from fluxdb._core.serve.replies cimport Bytes, bytes_put
from fluxdb._core.serve.sans_io cimport board_count, board_counts, board_durations, is_problem, request_of
from fluxdb._core.serve.state cimport Handed

import os

from fluxdb.errors import StorageError

HAS_EPOLL = FLUXDB_HAS_EPOLL

cdef extern from "<unistd.h>" nogil:
    int getpid() noexcept


@cython.no_gc
cdef class Reactor:
    def __cinit__(
        self, Channel channel not None, *, size_t events_bytes_max, size_t input_bytes_max,
        bytes input_message not None,
        size_t unread_bytes_max, bint with_epoll=FLUXDB_HAS_EPOLL,
    ):
        cdef ReactorState* state = &self.state
        cdef int error = 0
        memset(state, 0, sizeof(ReactorState))
        state.poller.epoll = state.bell[0] = state.bell[1] = state.news[0] = state.news[1] = -1
        pthread_mutex_init(&state.lock, NULL)
        if shifts_init(&state.shifts) != 0:
            raise MemoryError
        self.channel = channel
        self.process = getpid()
        switchboard_init(&state.board, &channel.owner.commit, channel.state)
        channel.state.leads = True
        state.events_bytes_max = events_bytes_max
        state.input_bytes_max = input_bytes_max
        state.unread_bytes_max = unread_bytes_max
        state.received = <uint8_t*>malloc(RECEIVE_BYTES)
        if state.received == NULL or not put_bytes(&state.input_message, input_message):
            raise MemoryError
        error = fluxdb_poller_open(&state.poller, with_epoll)
        error = error or fluxdb_bell_open(state.bell) or fluxdb_bell_open(state.news)
        error = error or fluxdb_poller_add(&state.poller, state.bell[0], BELL)
        error = error or fluxdb_poller_add(&state.poller, channel.fd, CHANNEL_BELL)
        error = error or start_threads(state)
        if error:
            raise StorageError(f"can't start the threads that serve the sockets: {os.strerror(error)}")

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
        free(state.input_message.data)
        fluxdb_bell_close(state.bell)
        fluxdb_bell_close(state.news)
        fluxdb_poller_close(&state.poller)
        shifts_free(&state.shifts)
        pthread_mutex_destroy(&state.lock)

    @property
    def fd(self):
        return self.state.news[0]

    def adopt(self, int descriptor, *, size_t line_bytes_max, size_t output_bytes_max, bint authenticated):
        cdef uint64_t number
        with nogil:
            number = ask_adopt(&self.state, descriptor, line_bytes_max, output_bytes_max, authenticated)
        if number == <uint64_t>NO_NUMBER:
            raise MemoryError
        return number

    def news(self):
        cdef News news
        cdef size_t i
        cdef list requests = []
        cdef Handed* handed
        with nogil:
            ask_news(&self.state, &news)
        while news.handed != NULL:
            handed = news.handed
            news.handed = handed.next
            try:
                self.take_handed(handed, requests)
            except Exception:   # no memory for one: the others are not to pay for it
                self.close_one(handed.owner_number)
            finally:
                free(handed)
        try:
            numbers = [news.numbers[i] for i in range(news.gone_count + news.roomy_count)]
        finally:
            free(news.numbers)
        return requests, numbers[:news.gone_count], numbers[news.gone_count:]

    cdef int take_handed(self, Handed* handed, list requests) except -1:
        if handed.owner_number == <uint64_t>NO_NUMBER:
            return 0
        if is_problem(handed):
            self.reply(handed.owner_number, handed.ticket, error_line(handed, self.state.board.commit))
        else:
            requests.append((handed.owner_number, *request_of(handed)))
        return 0

    cdef int close_one(self, uint64_t number) except -1:
        with nogil:
            ask_close(&self.state, number)
        return 0

    def reply(self, uint64_t number, uint64_t ticket, bytes line not None):
        cdef const char* data = PyBytes_AS_STRING(line)
        cdef size_t data_bytes = <size_t>PyBytes_GET_SIZE(line)
        with nogil:
            ask_reply(&self.state, number, ticket, data, data_bytes)

    def push(self, list numbers not None, bytes lines not None, *, bint always=False):
        cdef const char* data = PyBytes_AS_STRING(lines)
        cdef size_t data_bytes = <size_t>PyBytes_GET_SIZE(lines)
        cdef size_t count = <size_t>len(numbers)
        cdef size_t i
        cdef uint64_t* asked = <uint64_t*>calloc(count + 1, sizeof(uint64_t))
        cdef bint* pushed = <bint*>calloc(count + 1, sizeof(bint))
        try:
            if asked == NULL or pushed == NULL:
                raise MemoryError
            for i in range(count):
                asked[i] = numbers[i]
            with nogil:
                ask_push(&self.state, asked, pushed, count, data, data_bytes, always)
            return [numbers[i] for i in range(count) if not pushed[i]]
        finally:
            free(asked)
            free(pushed)

    def authenticate(self, uint64_t number, *, size_t line_bytes_max, size_t output_bytes_max):
        with nogil:
            ask_authenticate(&self.state, number, line_bytes_max, output_bytes_max)

    def send_away(self, uint64_t number, bytes line not None):
        cdef const char* data = PyBytes_AS_STRING(line)
        cdef size_t data_bytes = <size_t>PyBytes_GET_SIZE(line)
        with nogil:
            ask_send_away(&self.state, number, data, data_bytes)

    def tick(self, uint64_t first_line_ticks, uint64_t idle_ticks):
        cdef Bytes unheard
        cdef Bytes idle
        memset(&unheard, 0, sizeof(Bytes))
        memset(&idle, 0, sizeof(Bytes))
        with nogil:
            ask_tick(&self.state, first_line_ticks, idle_ticks, &unheard, &idle)
        return take_numbers(&unheard), take_numbers(&idle)

    def drain(self):
        with nogil:
            ask_drain(&self.state)

    def abort(self):
        with nogil:
            ask_abort(&self.state)

    def close(self, seconds=None):
        cdef ReactorState* state = &self.state
        cdef uint64_t deadline_ns = UINT64_MAX
        if not state.running or self.process != getpid():
            return True
        if seconds is not None:
            deadline_ns = fluxdb_now_ns() + <uint64_t>(seconds * 1e9)
        if not stop_threads(state, deadline_ns):
            if not self.kept:   # the thread that is still out uses it when it comes back
                Py_INCREF(self)
                self.kept = True
            return False
        state.running = False
        with nogil:
            switchboard_end(&state.board)
        self.channel.close()
        if self.kept:
            self.kept = False
            Py_DECREF(self)
        return True

    # Numbers

    @property
    def connections(self):
        return self.state.open_count

    def totals(self):
        cdef Totals totals
        with nogil:
            ask_totals(&self.state, &totals)
        return {
            "paused": totals.paused,
            "input_bytes": totals.input_bytes,
            "held_bytes": totals.held_bytes,
            "output_bytes": totals.output_bytes,
        }

    @property
    def unread_bytes(self):
        return self.state.unread_bytes

    @property
    def cut_off(self):
        return self.state.cut_off

    @property
    def counts(self):
        return board_counts(&self.state.board)

    def count(self, str kind not None, bint refused):
        board_count(&self.state.board, kind, refused)

    @property
    def durations(self):
        return board_durations(&self.state.board)


cdef int start_threads(ReactorState* state) noexcept nogil:
    """0 or an errno, and then none is left."""
    cdef ReactorThread* thread
    cdef int error = 0
    while state.shifts.running < 2 and error == 0:
        thread = &state.threads[state.shifts.running]
        thread.reactor = state
        thread.number = state.shifts.running
        error = fluxdb_thread_start(&thread.thread, reactor_main, thread)
        state.shifts.running += error == 0
    state.running = error == 0
    if error:
        stop_threads(state, UINT64_MAX)
    return error


cdef bint stop_threads(ReactorState* state, uint64_t deadline_ns) noexcept nogil:
    """Close all sockets. False: a thread is still out with a group that the disk does not take."""
    cdef int number
    cdef int started = 2 if state.running else state.shifts.running
    shifts_stop(&state.shifts)
    pthread_mutex_lock(&state.lock)
    state.stopping = True
    fluxdb_bell_ring(state.bell)
    pthread_mutex_unlock(&state.lock)
    if not shifts_wait_for_end(&state.shifts, deadline_ns):
        pthread_mutex_lock(&state.lock)
        sockets_close(state)
        pthread_mutex_unlock(&state.lock)
        return False
    for number in range(started):
        pthread_join(state.threads[number].thread, NULL)
    sockets_close(state)
    return True


cdef bint put_bytes(Bytes* target, bytes data):
    return bytes_put(target, PyBytes_AS_STRING(data), <size_t>PyBytes_GET_SIZE(data))


cdef list take_numbers(Bytes* numbers):
    """As a list; the buffer is freed."""
    cdef const uint64_t* number = <const uint64_t*>numbers.data
    cdef size_t count = numbers.used // sizeof(uint64_t)
    cdef size_t i
    try:
        return [number[i] for i in range(count)]
    finally:
        free(numbers.data)
        numbers.data = NULL
