"""The reactor's threads. Nothing here needs the GIL."""

from fluxdb._core.base.platform cimport fluxdb_bell_ring, fluxdb_bell_silence, pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.commit.write_path cimport commit_lead
from fluxdb._core.reactor.poller cimport (
    FLUXDB_HAPPENINGS_MAX, FLUXDB_HUNG_UP, FLUXDB_READABLE, FLUXDB_WRITABLE, fluxdb_happening, fluxdb_poller_ask,
    fluxdb_poller_clear, fluxdb_poller_is_asked, fluxdb_poller_wait,
)
from fluxdb._core.reactor.shifts cimport shifts_come_back, shifts_go_out, shifts_leave, shifts_wait
from fluxdb._core.reactor.socket_slots cimport socket_find
from fluxdb._core.reactor.sockets cimport socket_pump, socket_serve, tell_python
from fluxdb._core.reactor.state cimport ReactorThread, Socket
from fluxdb._core.serve.inflight cimport (
    switchboard_begin_turn, switchboard_collect, switchboard_end_turn, switchboard_next, switchboard_waits,
)
from fluxdb._core.serve.state cimport Peer

cdef extern from *:
    """
    /* One thread writes it, others only look: what they see may be old, and then they do without. */
    #define fluxdb_store(place, value) __atomic_store_n(place, value, __ATOMIC_RELAXED)
    #define fluxdb_load(place) __atomic_load_n(place, __ATOMIC_RELAXED)
    """
    void fluxdb_store(bint* place, bint value) noexcept nogil
    bint fluxdb_load(const bint* place) noexcept nogil

cdef extern from "<sched.h>" nogil:
    int sched_yield() noexcept

cdef enum:
    YIELDS_MAX = 200            # then the reactor is held up by something else
    QUICK_SYNC_NS = 500000      # a disk that syncs in less is not worth another thread


cdef void* reactor_main(void* argument) noexcept nogil:
    cdef ReactorThread* thread = <ReactorThread*>argument
    cdef ReactorState* reactor = thread.reactor
    while shifts_wait(&reactor.shifts, thread.number):
        serve(reactor, thread.number)
    # Nobody would lead writes that a call of Python's has staged since the last turn: the committer's own thread does.
    commit_lead(reactor.board.commit, reactor.board.channel, 0)
    shifts_leave(&reactor.shifts)
    return NULL


cdef void serve(ReactorState* reactor, int number) noexcept nogil:
    """Until the other thread has taken over, or all is over."""
    cdef fluxdb_happening happenings[FLUXDB_HAPPENINGS_MAX]
    cdef bint goes_on = True    # who was on duty before may have left something to do
    cdef int count
    cdef bint committing
    while True:
        if fluxdb_poller_is_asked(&reactor.poller):
            ask_poller(reactor)
        count = fluxdb_poller_wait(&reactor.poller, happenings, 0 if goes_on else -1)
        take_lock(reactor)
        if reactor.stopping:
            pthread_mutex_unlock(&reactor.lock)
            return
        switchboard_begin_turn(&reactor.board)
        go_on(reactor)
        take_turn(reactor, happenings, count)
        switchboard_end_turn(&reactor.board)
        goes_on = reactor.again != NULL
        committing = is_committing(reactor)
        tell_python(reactor)
        pthread_mutex_unlock(&reactor.lock)
        if committing and not see_to_commit(reactor, number, &goes_on):
            return


cdef void ask_poller(ReactorState* reactor) noexcept nogil:
    """Ask poll(2) for what would be a change. Calls that make one afterwards ring the bell."""
    cdef Socket* socket
    cdef size_t slot
    cdef int what
    take_lock(reactor)
    fluxdb_poller_clear(&reactor.poller)
    fluxdb_poller_ask(&reactor.poller, reactor.bell[0], BELL, FLUXDB_READABLE)
    if reactor.board.channel != NULL:
        fluxdb_poller_ask(&reactor.poller, reactor.board.channel.bell[0], CHANNEL_BELL, FLUXDB_READABLE)
    for slot in range(reactor.slots_used):
        socket = reactor.sockets[slot]
        if socket.peer == NULL:
            continue
        what = (0 if socket.readable else FLUXDB_READABLE) | (0 if socket.writable else FLUXDB_WRITABLE)
        if what:
            fluxdb_poller_ask(&reactor.poller, socket.descriptor, socket.number, what)
    pthread_mutex_unlock(&reactor.lock)


cdef inline void take_lock(ReactorState* reactor) noexcept nogil:
    fluxdb_store(&reactor.wanted, True)
    pthread_mutex_lock(&reactor.lock)
    fluxdb_store(&reactor.wanted, False)


cdef void reactor_goes_first(const ReactorState* state) noexcept nogil:
    cdef int yields = 0
    while fluxdb_load(&state.wanted) and yields < YIELDS_MAX:
        sched_yield()
        yields += 1


cdef void go_on(ReactorState* reactor) noexcept nogil:
    """Those who were not done in the last turn."""
    cdef Socket* socket = reactor.again
    cdef Socket* next
    reactor.again = NULL
    while socket != NULL:
        next = socket.next_again
        socket.again = False
        if socket.peer != NULL:
            socket_serve(reactor, socket)
        socket = next


cdef void take_turn(ReactorState* reactor, const fluxdb_happening* happenings, int count) noexcept nogil:
    cdef Socket* socket
    cdef bint rung = False
    cdef int i
    for i in range(count):
        if happenings[i].number == CHANNEL_BELL:
            rung = True
        elif happenings[i].number == BELL:
            fluxdb_bell_silence(reactor.bell)
        else:
            socket = socket_find(reactor, happenings[i].number)
            if socket == NULL:
                continue
            socket.readable |= happenings[i].what & (FLUXDB_READABLE | FLUXDB_HUNG_UP) != 0
            socket.writable |= happenings[i].what & (FLUXDB_WRITABLE | FLUXDB_HUNG_UP) != 0
            socket.hung_up |= happenings[i].what & FLUXDB_HUNG_UP != 0
            socket_serve(reactor, socket)
    if rung:
        if reactor.board.channel != NULL:
            fluxdb_bell_silence(reactor.board.channel.bell)
        collect(reactor)


cdef void collect(ReactorState* reactor) noexcept nogil:
    """Send the replies of what became durable."""
    cdef Peer* peers = switchboard_collect(&reactor.board)
    cdef Peer* peer = switchboard_next(&peers)
    while peer != NULL:
        socket_pump(reactor, <Socket*>peer.owner)
        peer = switchboard_next(&peers)


cdef bint see_to_commit(ReactorState* reactor, int number, bint* goes_on) noexcept nogil:
    """Is this thread on duty still? If there is more to do at once, goes_on is set: replies that went may have let
    further requests in, and writes among them."""
    cdef bint led, on_duty
    shifts_go_out(&reactor.shifts)
    led = commit_lead(reactor.board.commit, reactor.board.channel, QUICK_SYNC_NS)
    on_duty = shifts_come_back(&reactor.shifts, number)
    if not led:
        return on_duty  # who leads rings when the group is settled
    take_lock(reactor)
    collect(reactor)
    switchboard_end_turn(&reactor.board)    # GETs that replies let in: as if they had come with the turn
    if reactor.again != NULL or is_committing(reactor):
        goes_on[0] = True
        if not on_duty:
            fluxdb_bell_ring(reactor.bell)
    elif not on_duty and fluxdb_poller_is_asked(&reactor.poller):
        fluxdb_bell_ring(reactor.bell)
    tell_python(reactor)
    pthread_mutex_unlock(&reactor.lock)
    return on_duty


cdef inline bint is_committing(const ReactorState* reactor) noexcept nogil:
    return reactor.board.submitted != reactor.board.settled or switchboard_waits(&reactor.board)
