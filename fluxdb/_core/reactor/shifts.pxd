"""Two threads that serve the same sockets in turn, so that a disk that hangs holds up one of them at most.

One is on duty: it waits for sockets and serves them. It goes out to lead a group: to write and sync. The other one is
the relief: every RELIEF_NS it looks whether that one has been out since the last look. Then it takes over, and the
thread that comes back is the relief.

On a disk that answers nobody is woken for this: going out and coming back are two holds of a lock that is nearly always
free. While nobody goes out, the relief sleeps.
"""

from libc.stdint cimport uint64_t

from fluxdb._core.base.platform cimport pthread_cond_t, pthread_mutex_t

cdef struct Shifts:
    pthread_mutex_t lock        # of all here; nothing else is taken inside it
    pthread_cond_t changed
    int on_duty                 # the number of the thread that serves
    bint out                    # it leads a group
    uint64_t outings            # how often somebody went out
    bint looking                # the relief looks now and then; else it has to be woken
    bint stopping
    int running                 # threads that have not left

# 0 or an errno.
cdef int shifts_init(Shifts* shifts) noexcept nogil
cdef void shifts_free(Shifts* shifts) noexcept nogil
# Wait until it is this thread's turn to serve; False: all is over.
cdef bint shifts_wait(Shifts* shifts, int number) noexcept nogil
# The thread on duty goes out, and is back: False where the other one serves by now.
cdef void shifts_go_out(Shifts* shifts) noexcept nogil
cdef bint shifts_come_back(Shifts* shifts, int number) noexcept nogil
# No more turns begin.
cdef void shifts_stop(Shifts* shifts) noexcept nogil
# The last thing that a thread does with this.
cdef void shifts_leave(Shifts* shifts) noexcept nogil
# Have all threads left? Wait for that, until deadline_ns at most.
cdef bint shifts_wait_for_end(Shifts* shifts, uint64_t deadline_ns) noexcept nogil
