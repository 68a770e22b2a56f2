"""The reactor's threads: one serves, the other one takes over from it when the disk hangs (shifts).

One turn of it: wait for sockets that have news, receive, take the requests, send what may go; then see to it that the
writes of the turn are committed. On a disk that is quick this thread leads their group by itself: to wake another
thread, and to be woken by it, costs more than what could be done meanwhile. On a slow one the committer's native thread
leads, and this one serves on. On one that was quick and hangs, the other thread of the reactor serves on.

The lock is held while sockets are served; never while waiting for sockets, or for the disk. It is not fair: a thread
that releases it and takes it again at once gets it before a thread that was woken for it. So a thread with much work
under it does a little at a time, and lets the reactor go first in between: events for many then delay nobody's replies.
"""

from fluxdb._core.reactor.state cimport ReactorState

# The poller's numbers of the reactor's bell, and of its channel's: no slot is as high.
cdef enum:
    CHANNEL_BELL = 0xFFFFFFFE
    BELL = 0xFFFFFFFF

cdef void* reactor_main(void* argument) noexcept nogil
# Between two holds of the lock by another thread: wait until the reactor's thread, if it wants the lock, had it.
cdef void reactor_goes_first(const ReactorState* state) noexcept nogil
