"""A feed: the events of some keys as a linked list, which each subscriber walks at its own pace.

An event is kept once, however many subscribers it has, and only while one of them has yet to take it: a subscriber
refers to the last event that it took, each event to the next, so what all have taken is freed by itself. To tell
10,000 subscribers of an event is to append it once and to wake those who wait.

A subscriber is slow when more than events_max events, or more than bytes_max bytes in two or more events, lie before
it. It is evicted: what it has not taken is dropped at once, and it is told so when it next asks. The check is made when
it takes (exact: only taking shortens the way) and by a sweep over all (for the memory of those who never ask again),
which comes after every quarter of the bound, so a feed holds no more than 1.25 times the bound, one event, and one
burst.

A burst is what one dispatch brings: a large commit group, say. Nobody can take any of it before all of it is there. So
a burst that is larger than the bound by itself counts for nobody, until the next such burst comes or the notify actor
withdraws it, which bounds the bytes of all of them together.

Appending is done under the teller's lock. Taking and waiting need no lock: they run no Python code in between, and who
begins to wait looks again after putting down where to be woken.

A bell is Python code, in which a signal handler may raise (Ctrl-C). All are rung nevertheless; then that comes out.
"""

cimport cython
from libc.stdint cimport uint64_t

from fluxdb.errors import ClosedError, FluxDBError, SubscriberEvictedError

cdef enum:
    RINGS_MAX = 3       # of one bell, when that is interrupted


@cython.trashcan(True)      # a long list is freed without deep recursion
cdef class Node:
    def __init__(self, tuple event, uint64_t number, uint64_t bytes_total):
        self.event = event
        self.number = number
        self.bytes_total = bytes_total
        self.revision = 0 if event is None else event[5]


cdef class Feed:
    def __init__(self, uint64_t events_max, uint64_t bytes_max):
        self.events_max = events_max
        self.bytes_max = bytes_max
        self.tail = Node(None, 0, 0)
        self.subscribers = set()
        self.gates = set()
        self.tasks = {}
        self.sweep_number = events_max
        self.sweep_bytes = bytes_max

    def append(self, tuple event not None, uint64_t event_bytes):
        self.add(event, event_bytes)
        self.wake()

    cdef int add(self, tuple event, uint64_t event_bytes) except -1:
        cdef Node before = self.tail
        cdef Node node = Node(event, before.number + 1, before.bytes_total + event_bytes)
        before.next = node
        self.tail = node
        return 0

    cpdef begin_burst(self):
        self.in_burst = True
        self.start_number = self.tail.number
        self.start_bytes = self.tail.bytes_total

    cpdef uint64_t end_burst(self) except? 0:
        cdef uint64_t events = self.tail.number - self.start_number
        cdef uint64_t burst_bytes = self.tail.bytes_total - self.start_bytes
        self.in_burst = False
        if events <= 1 or (events <= self.events_max and burst_bytes <= self.bytes_max):
            return 0
        self.burst_start_number = self.start_number
        self.burst_start_bytes = self.start_bytes
        self.burst_end_number = self.tail.number
        self.burst_end_bytes = self.tail.bytes_total
        return burst_bytes

    cpdef list withdraw_burst(self):
        self.burst_start_number = self.burst_end_number
        self.burst_start_bytes = self.burst_end_bytes
        return self.sweep()

    @property
    def sweep_due(self):
        return self.tail.number > self.sweep_number or self.tail.bytes_total > self.sweep_bytes

    cpdef list sweep(self):
        cdef FeedSubscriber subscriber
        self.sweep_number = self.tail.number + self.events_max // 4
        self.sweep_bytes = self.tail.bytes_total + self.bytes_max // 4
        cdef list slow = []
        for subscriber in self.subscribers:
            if subscriber.is_slow():
                slow.append(subscriber)
        return slow

    def end(self):
        self.ended = True
        self.wake()

    cpdef wake(self):
        cdef set gates, no_gates
        cdef dict tasks, no_tasks
        if not self.gates and not self.tasks:
            return
        no_gates, no_tasks = set(), {}
        # From here on nothing else runs until both are taken: several threads may wake, and some begin to wait.
        gates = self.gates
        self.gates = no_gates
        tasks = self.tasks
        self.tasks = no_tasks
        for gate in gates:
            open_gate(gate)
        error = None
        for bell, waiting in tasks.items():
            failure = call_whatever_comes(bell.ring, (list(waiting),))
            error = failure if error is None else error
        if error is not None:
            raise error


cdef object call_whatever_comes(function, tuple arguments):
    """Again, where it raises: perhaps a signal handler did, in the middle. What was raised first, or None."""
    cdef int i
    error = None
    for i in range(RINGS_MAX):
        try:
            function(*arguments)
            break
        except BaseException as failure:
            error = failure if error is None else error
    return error


def open_gate(gate):
    try:
        gate.release()
    except RuntimeError:
        pass    # it is open already


cdef class FeedSubscriber:
    def __init__(self, Feed feed not None, tuple keys not None, on_end):
        self.feed = feed
        self.keys = keys
        self.counted = True
        self.at = feed.tail
        self.on_end = on_end

    cpdef object take(self):
        cdef Feed feed = self.feed
        cdef Node at, node
        while True:
            at = self.at
            if at is None:
                raise self.why_ended()
            node = at.next
            if node is None:
                if feed.ended:
                    raise self.why_ended()
                return None
            if node is not feed.tail and self.is_slow():
                self.evict()
                self.on_end(self)
                continue
            self.at = node
            if node.revision > self.after_revision:
                self.last_revision = node.revision
                return node.event

    def take_many(self, uint64_t bytes_max):
        cdef list events = []
        cdef uint64_t taken_bytes = 0
        cdef uint64_t last_revision = self.last_revision
        cdef Node begin = self.at
        cdef Node before
        while taken_bytes < bytes_max:
            before = self.at
            try:
                event = self.take()
                if event is None:
                    break
                events.append(event)
            except FluxDBError:
                if not events:
                    raise
                break       # the next call raises it
            except BaseException:
                if self.at is not None:     # what was taken is given to nobody: it is there for the next call
                    self.at = begin
                    self.last_revision = last_revision
                raise
            taken_bytes += self.at.bytes_total - before.bytes_total if self.at is not None else 0
        return events

    cpdef bint is_slow(self):
        cdef Node at = self.at
        cdef Feed feed = self.feed
        cdef uint64_t number, bytes_total
        cdef uint64_t events, event_bytes
        if at is None or feed.in_burst:
            return False
        events = feed.tail.number - at.number
        if events <= 1:     # a lone event is always taken, however large
            return False
        event_bytes = feed.tail.bytes_total - at.bytes_total
        if events <= feed.events_max and event_bytes <= feed.bytes_max:
            return False
        if at.number < feed.burst_end_number:
            number = max(at.number, feed.burst_start_number)
            bytes_total = max(at.bytes_total, feed.burst_start_bytes)
            events -= feed.burst_end_number - number
            event_bytes -= feed.burst_end_bytes - bytes_total
        return events > feed.events_max or (event_bytes > feed.bytes_max and events > 1)

    cpdef evict(self):
        self.evicted = True
        self.at = None

    def after_eviction(self):
        pass

    cpdef close(self):
        if self.closed:
            return
        self.closed = True
        self.at = None
        if self.gate is not None:
            open_gate(self.gate)
        self.on_end(self)

    cdef bint has_news(self):
        return self.at is None or self.at.next is not None or self.feed.ended

    def _has_news(self):
        return self.has_news()

    def _wait_at(self, gate not None):
        self.feed.gates.add(gate)
        return not self.has_news()

    def _wait_at_bell(self, bell not None):
        self.wait_at_bell(bell, self)
        return not self.has_news()

    cdef int wait_at_bell(self, bell, waiter) except -1:
        cdef list first = []
        # From here on no other thread runs until it is in the list: one that wakes takes the list away.
        (<list>self.feed.tasks.setdefault(bell, first)).append(waiter)
        return 0

    cdef object why_ended(self):
        self.at = None
        if self.evicted and not self.closed:
            return SubscriberEvictedError(self.last_revision)
        return ClosedError("the subscription was closed" if self.closed else "the database was closed")
