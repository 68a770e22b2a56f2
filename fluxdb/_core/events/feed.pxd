"""A feed: the events of some keys as a linked list, which each subscriber walks at its own pace."""

from libc.stdint cimport uint64_t

from fluxdb._core.events.backlog cimport Backlog, ClientBacklog

cdef class Node:
    cdef public object event    # a RawEvent; None: an empty place, the last of a list
    cdef public Node next
    cdef readonly uint64_t number
    cdef readonly uint64_t bytes_total  # of all events before this one
    cdef uint64_t revision
    cdef uint64_t commit                # the revision of the last write of its batch
    cdef uint64_t bytes_held            # as the backlog counts it
    cdef Backlog backlog

cdef class Feed:
    cdef readonly Backlog backlog
    cdef readonly uint64_t events_max
    cdef readonly uint64_t bytes_max
    cdef public Node tail
    cdef public bint ended
    cdef object process         # in which it was made
    cdef public set subscribers
    cdef set of_clients         # those of them whose client has a bound, too; the teller changes it
    cdef public set gates       # of waiting threads
    cdef public dict tasks      # waiting tasks, by the bell of their event loop
    cdef uint64_t sweep_number
    cdef uint64_t sweep_bytes
    # The burst that is being told, or the last one: where it begins.
    cdef bint in_burst
    cdef uint64_t start_number
    cdef uint64_t start_bytes
    # The last two bursts over the bound: where the first and the second begin, and where the second ends.
    cdef uint64_t bursts_start_number
    cdef uint64_t bursts_start_bytes
    cdef uint64_t last_start_number
    cdef uint64_t last_start_bytes
    cdef uint64_t bursts_end_number
    cdef uint64_t bursts_end_bytes

    cdef int add(self, tuple event, uint64_t event_bytes) except -1     # and wake nobody
    cpdef begin_burst(self)
    cpdef end_burst(self)
    cpdef list sweep(self)
    cdef uint64_t events_from(self, uint64_t number)
    cpdef wake(self)

cdef class FeedSubscriber:
    cdef readonly Feed feed
    cdef readonly tuple keys
    cdef public uint64_t after_revision     # events up to here are older than the subscription
    cdef readonly uint64_t last_revision
    cdef readonly bint evicted
    cdef readonly bint closed
    cdef public bint counted    # by the teller, which alone changes it
    cdef public object gate     # of the thread that waits
    cdef public ClientBacklog client    # None: it has no bound besides its own
    cdef Node at                # the next event to be taken; None: takes no more
    cdef Node sent              # the next one to be sent; None: what was taken is not kept until then
    cdef object on_end
    cdef bint hungry            # it waits, or has not taken since
    cdef uint64_t turn_number   # of the feed's end when it last began to take, having waited

    cpdef object take(self)
    cpdef bint is_slow(self)
    cdef uint64_t bytes_waiting(self)
    cdef int take_no_more(self) except -1
    cpdef evict(self)
    cpdef close(self)
    cdef bint is_hungry(self)
    cdef int begin_turn(self) except -1
    cdef bint has_news(self)
    cdef int wait_at_bell(self, bell, waiter) except -1
    cdef object why_ended(self)

# Calls again if it raises: perhaps a signal handler did, in the middle. Returns the first exception, or None.
cdef object call_whatever_comes(function, tuple arguments)
