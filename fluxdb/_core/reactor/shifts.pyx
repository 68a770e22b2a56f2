"""Two threads that serve in turn; reactor/shifts.pxd says how."""

from fluxdb._core.base.platform cimport (
    fluxdb_cond_init, fluxdb_cond_wait_until, fluxdb_now_ns, pthread_cond_broadcast, pthread_cond_destroy,
    pthread_cond_wait, pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock,
)

cdef enum:
    RELIEF_NS = 2000000         # between two looks: more than a quick disk takes, less than a client notices
    IDLE_LOOKS_MAX = 50         # without anybody going out; then the relief sleeps


cdef int shifts_init(Shifts* shifts) noexcept nogil:
    pthread_mutex_init(&shifts.lock, NULL)
    return fluxdb_cond_init(&shifts.changed)


cdef void shifts_free(Shifts* shifts) noexcept nogil:
    pthread_cond_destroy(&shifts.changed)
    pthread_mutex_destroy(&shifts.lock)


cdef bint shifts_wait(Shifts* shifts, int number) noexcept nogil:
    cdef uint64_t seen
    cdef int idle_looks = 0
    cdef bint goes_on
    pthread_mutex_lock(&shifts.lock)
    seen = shifts.outings
    while not shifts.stopping and shifts.on_duty != number:
        if not shifts.looking:
            pthread_cond_wait(&shifts.changed, &shifts.lock)
            seen = shifts.outings       # who woke this one has just gone out
            idle_looks = 0
            continue
        fluxdb_cond_wait_until(&shifts.changed, &shifts.lock, fluxdb_now_ns() + <uint64_t>RELIEF_NS)
        if shifts.outings != seen:
            seen = shifts.outings
            idle_looks = 0
        elif shifts.out:
            shifts.on_duty = number
            shifts.out = False
        else:
            idle_looks += 1
            shifts.looking = idle_looks < IDLE_LOOKS_MAX
    goes_on = not shifts.stopping
    pthread_mutex_unlock(&shifts.lock)
    return goes_on


cdef void shifts_go_out(Shifts* shifts) noexcept nogil:
    pthread_mutex_lock(&shifts.lock)
    shifts.out = True
    shifts.outings += 1
    if not shifts.looking:
        shifts.looking = True
        pthread_cond_broadcast(&shifts.changed)
    pthread_mutex_unlock(&shifts.lock)


cdef bint shifts_come_back(Shifts* shifts, int number) noexcept nogil:
    cdef bint on_duty
    pthread_mutex_lock(&shifts.lock)
    on_duty = shifts.on_duty == number
    if on_duty:
        shifts.out = False
    pthread_mutex_unlock(&shifts.lock)
    return on_duty


cdef void shifts_stop(Shifts* shifts) noexcept nogil:
    pthread_mutex_lock(&shifts.lock)
    shifts.stopping = True
    pthread_cond_broadcast(&shifts.changed)
    pthread_mutex_unlock(&shifts.lock)


cdef void shifts_leave(Shifts* shifts) noexcept nogil:
    pthread_mutex_lock(&shifts.lock)
    shifts.running -= 1
    pthread_cond_broadcast(&shifts.changed)
    pthread_mutex_unlock(&shifts.lock)


cdef bint shifts_wait_for_end(Shifts* shifts, uint64_t deadline_ns) noexcept nogil:
    cdef bint ended
    pthread_mutex_lock(&shifts.lock)
    while shifts.running and fluxdb_now_ns() < deadline_ns:
        fluxdb_cond_wait_until(&shifts.changed, &shifts.lock, deadline_ns)
    ended = shifts.running == 0
    pthread_mutex_unlock(&shifts.lock)
    return ended
