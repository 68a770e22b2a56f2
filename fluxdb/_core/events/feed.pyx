"""A feed: the events of some keys as a linked list, which each subscriber walks at its own pace.

An event is kept once, however many subscribers it has, and only until all of them have taken it: a subscriber refers to
the next event that it takes, each event to its successor, and the last one to an empty slot, so events that all have
taken are freed automatically. Delivering an event to 10,000 subscribers means appending it once and waking those that
wait.

A subscriber is slow when too much waits for it: more than bytes_max bytes in two or more events, or more than
events_max events. It is evicted: its pending events are dropped at once, and its next take reports the eviction. Events
that it had no chance to take do not count:

- A burst is everything delivered in one go: all events present when it began, to the end of a commit group, however
  large that is. It is delivered in pieces, and others run in between; nobody is judged before the burst is complete. A
  burst that alone exceeds the bound counts for nobody until two more such bursts have come: a full group is followed by
  another.
- By number, only events count that came after the subscriber last turned to its queue. A subscriber that waits, or was
  woken and has not run since, has had no chance; the bytes count all the same.

So one commit group evicts nobody who was within the bound before it, and a feed holds no more than 1.25 times the
bound, one event, and three bursts, each of which is bounded by what the committer keeps (event_bytes_max) and one
group.

The bound is checked when a subscriber takes (exact: only taking makes its queue shorter) and by a sweep over all (for
the memory of those that never take again), which runs after every quarter of the bound.

The memory of all feeds together, and the bytes waiting for one client with many feeds, are bounded too
(events/backlog.pyx).

Appending happens under the dispatcher's lock. Taking and waiting need no lock: they run no Python code in between, and
a subscriber that begins to wait checks again after it has registered its bell.

A bell is Python code, in which a signal handler may raise (Ctrl-C). All bells are rung nevertheless; then the exception
surfaces.
"""

cimport cython
from libc.stdint cimport uint64_t

from fluxdb._core.events.backlog cimport EVENT_MEMORY_BYTES, Backlog

import os

from fluxdb.errors import ClosedError, FluxDBError, SubscriberEvictedError, closed_error

cdef enum:
    RINGS_MAX = 3       # of one bell, when that is interrupted


@cython.no_gc_clear         # it is part of no cycle by itself, and its end needs the backlog
@cython.trashcan(True)      # a long list is freed without deep recursion
cdef class Node:
    def __init__(self, uint64_t number, uint64_t bytes_total):
        self.number = number
        self.bytes_total = bytes_total

    def __dealloc__(self):
        if self.backlog is not None:
            self.backlog.bytes_held -= self.bytes_held


cdef class Feed:
    def __init__(self, uint64_t events_max, uint64_t bytes_max, Backlog backlog=None):
        self.backlog = Backlog() if backlog is None else backlog
        self.process = os.getpid()
        self.events_max = events_max
        self.bytes_max = bytes_max
        self.tail = Node(0, 0)
        self.subscribers = set()
        self.of_clients = set()
        self.gates = set()
        self.tasks = {}
        self.sweep_number = events_max
        self.sweep_bytes = bytes_max

    def append(self, tuple event not None, uint64_t event_bytes):
        self.add(event, event_bytes)
        self.wake()

    cdef int add(self, tuple event, uint64_t event_bytes) except -1:
        cdef Node node = self.tail
        cdef Node behind = Node(node.number + 1, node.bytes_total + event_bytes)
        cdef FeedSubscriber subscriber
        node.event = event
        node.revision = event[5]
        node.commit = event[6]
        node.bytes_held = event_bytes + EVENT_MEMORY_BYTES
        node.backlog = self.backlog
        self.backlog.bytes_held += node.bytes_held
        node.next = behind
        self.tail = behind
        for subscriber in self.of_clients:
            if subscriber.at is not None:
                subscriber.client.add(self.backlog, node.bytes_held)
        return 0

    cpdef begin_burst(self):
        self.in_burst = True
        self.start_number = self.tail.number
        self.start_bytes = self.tail.bytes_total

    cpdef end_burst(self):
        cdef uint64_t events = self.tail.number - self.start_number
        cdef uint64_t burst_bytes = self.tail.bytes_total - self.start_bytes
        self.in_burst = False
        if events > self.events_max or (events > 1 and burst_bytes > self.bytes_max):
            self.bursts_start_number = self.last_start_number
            self.bursts_start_bytes = self.last_start_bytes
            self.last_start_number = self.start_number
            self.last_start_bytes = self.start_bytes
            self.bursts_end_number = self.tail.number
            self.bursts_end_bytes = self.tail.bytes_total

    cdef uint64_t events_from(self, uint64_t number):
        """From the one of that number on, without those of the last two bursts over the bound."""
        cdef uint64_t events = self.tail.number - number
        if number < self.bursts_end_number:
            events -= self.bursts_end_number - max(number, self.bursts_start_number)
        return events

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


cdef inline uint64_t bytes_between(Node first, Node last):
    """Return the memory from ``first`` on, without ``last``."""
    return last.bytes_total - first.bytes_total + EVENT_MEMORY_BYTES * (last.number - first.number)


cdef object call_whatever_comes(function, tuple arguments):
    """Call again if it raises: perhaps a signal handler did, in the middle. Return the first exception, or None."""
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
        cdef Node node
        self.begin_turn()
        while True:
            node = self.at
            if node is None:
                raise self.why_ended()
            if node.next is None:
                if feed.ended:
                    raise self.why_ended()
                return None
            if node.next is not feed.tail and self.is_slow():
                self.evict()
                self.on_end(self)
                continue
            if self.client is not None and self.sent is None:
                self.client.bytes_waiting -= node.bytes_held
            self.at = node.next
            if node.revision > self.after_revision:
                # All events of a batch are added in one go: what was taken counts when the last of them was.
                if node.next.next is None or node.next.commit != node.commit:
                    self.last_revision = node.commit
                return node.event

    def next_revision(self):
        cdef Node node = self.at
        while node is not None and node.next is not None and node.revision <= self.after_revision:
            node = node.next
        if node is None or (node.next is None and self.feed.ended):
            return 0
        return None if node.next is None else node.revision

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
                    if self.client is not None and self.sent is None:
                        self.client.bytes_waiting += bytes_between(begin, self.at)
                    self.at = begin
                    self.last_revision = last_revision
                raise
            taken_bytes += self.at.bytes_total - before.bytes_total if self.at is not None else 0
        return events

    cpdef bint is_slow(self):
        cdef Node at = self.at
        cdef Feed feed = self.feed
        cdef uint64_t events, bytes_waiting
        if at is None or feed.in_burst or feed.tail.number - at.number <= 1:    # a lone event is taken, however large
            return False
        events = feed.events_from(at.number)
        bytes_waiting = feed.tail.bytes_total - at.bytes_total
        if at.number < feed.bursts_end_number:
            bytes_waiting -= feed.bursts_end_bytes - max(at.bytes_total, feed.bursts_start_bytes)
        if bytes_waiting > feed.bytes_max and events > 1:
            return True
        if events <= feed.events_max or self.is_hungry():
            return False
        return feed.events_from(max(at.number, self.turn_number)) > feed.events_max

    cdef bint is_hungry(self):
        return self.hungry

    cdef int begin_turn(self) except -1:
        if self.hungry:
            self.hungry = False
            self.turn_number = self.feed.tail.number
        return 0

    def _begin_turn(self):
        self.begin_turn()

    def keep_until_sent(self):
        self.sent = self.at

    def note_sent(self, uint64_t revision):
        cdef Node node = self.sent
        if self.at is None or node is None:
            return
        while node is not self.at and node.revision <= revision:
            node = node.next
        if self.client is not None:
            self.client.bytes_waiting -= bytes_between(self.sent, node)
        self.sent = node

    cdef uint64_t bytes_waiting(self):
        """Return the memory of its pending events in its feed."""
        return bytes_between(self.at if self.sent is None else self.sent, self.feed.tail) if self.at is not None else 0

    cdef int take_no_more(self) except -1:
        if self.client is not None:
            self.client.bytes_waiting -= self.bytes_waiting()
        self.at = self.sent = None
        return 0

    cpdef evict(self):
        self.evicted = True
        self.take_no_more()

    def after_eviction(self):
        pass

    cpdef close(self):
        if self.closed:
            return
        self.closed = True
        self.take_no_more()
        if self.gate is not None:
            open_gate(self.gate)
        self.on_end(self)

    cdef bint has_news(self):
        return self.at is None or self.at.next is not None or self.feed.ended

    def _has_news(self):
        return self.has_news()

    def _wait_at(self, gate not None):
        self.hungry = True
        self.feed.gates.add(gate)
        return not self.has_news()

    def _wait_at_bell(self, bell not None):
        self.wait_at_bell(bell, self)
        return not self.has_news()

    cdef int wait_at_bell(self, bell, waiter) except -1:
        cdef list first = []
        self.hungry = True
        # From here on no other thread runs until it is in the list: one that wakes takes the list away.
        (<list>self.feed.tasks.setdefault(bell, first)).append(waiter)
        return 0

    cdef object why_ended(self):
        self.take_no_more()
        if self.evicted and not self.closed:
            return SubscriberEvictedError(self.last_revision)
        if self.closed:
            return ClosedError("the subscription was closed")
        return closed_error(self.feed.process, "the database was closed")
