"""Who watches what, and the telling: events come out of the committer, in its order, and go to the ends of feeds.

All that is done under the lock is compiled, but the making of a subscriber, which can be undone. A signal handler
runs between two steps of Python code, and may raise there (Ctrl-C): so it can't leave the lock taken, nor let events
go that were taken from the committer. Who waits is woken behind the lock, and what a bell raises comes out at the end.

A finalizer may run wherever memory is had, under the lock too: on_end only tries to take it, and whoever has it sees
to those who ended, after he let go of it.
"""

from collections import deque
from threading import Lock

from libc.stdint cimport uint64_t

from fluxdb._core.feed cimport Feed, FeedSubscriber, call_whatever_comes

from fluxdb.errors import ClosedError

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()


cdef uint64_t event_bytes(tuple event) except? 0:
    """What counts toward the bounds."""
    key, old, new = event[1], event[2], event[3]
    return <uint64_t>(len(key) + (0 if old is None else len(old)) + (0 if new is None else len(new)))


cdef class Teller:
    cdef object committer
    cdef uint64_t subscriber_events_max, subscriber_bytes_max, bursts_bytes_max
    cdef readonly object lock           # never held while waiting for anything
    cdef unsigned long holder           # the thread that has the lock; 0: none
    cdef readonly dict feeds            # by key: lists of those to tell
    cdef dict shared                    # by key: the feed of those who watch that key alone
    cdef readonly dict bursts           # bytes of the last large burst of each feed, the oldest first
    cdef readonly uint64_t burst_bytes
    cdef object ended                   # closed or evicted, still counted
    cdef list unwoken                   # feeds that have news, or are over
    cdef list untold                    # subscribers that were evicted
    cdef readonly bint closed
    cdef bint abandoned
    cdef uint64_t counted, evicted_count

    def __init__(self, committer, *, uint64_t subscriber_events_max, uint64_t subscriber_bytes_max,
                 uint64_t bursts_bytes_max):
        self.committer = committer
        self.subscriber_events_max = subscriber_events_max
        self.subscriber_bytes_max = subscriber_bytes_max
        self.bursts_bytes_max = bursts_bytes_max
        self.lock = Lock()
        self.feeds, self.shared, self.bursts = {}, {}, {}
        self.ended = deque()
        self.unwoken, self.untold = [], []

    # The lock

    cdef object take_lock(self):
        lock = self.lock
        lock.acquire()      # raises what a signal handler raises meanwhile, and is not taken then
        self.holder = PyThread_get_thread_ident()
        return lock

    cdef int let_go(self, lock) except -1:
        """Then do what waited for that."""
        self.holder = 0
        lock.release()
        self.forget_ended()
        self.wake()
        return 0

    cdef int wake(self) except -1:
        cdef list none_unwoken, none_untold, unwoken, untold
        cdef Feed feed
        cdef FeedSubscriber subscriber
        if not self.unwoken and not self.untold:
            return 0
        none_unwoken, none_untold = [], []
        unwoken = self.unwoken      # another thread may come here: what one takes, the other does not
        self.unwoken = none_unwoken
        untold = self.untold
        self.untold = none_untold
        error = None
        for feed in unwoken:
            try:
                feed.wake()
            except BaseException as failure:
                error = failure if error is None else error
        for subscriber in untold:
            failed = call_whatever_comes(subscriber.after_eviction, ())
            error = failed if error is None else error
        if error is not None:
            raise error
        return 0

    # Subscribers come and go

    def subscribe(self, make, tuple keys not None):
        cdef FeedSubscriber subscriber = None
        lock = self.take_lock()
        try:
            try:
                if self.closed:
                    raise ClosedError("the database is closed")
                self.tell()     # what is older goes before the new subscriber's place
                subscriber = self.add(make, keys)
            finally:
                self.let_go(lock)
        except BaseException:
            if subscriber is not None:
                subscriber.close()
            raise
        return subscriber

    cdef FeedSubscriber add(self, make, tuple keys):
        cdef FeedSubscriber subscriber
        cdef Feed feed = None
        cdef uint64_t after_revision = self.watch(keys)
        try:
            feed = self.feed_for(keys)
            subscriber = make(feed, keys, self.on_end)
            subscriber.after_revision = subscriber.last_revision = after_revision
            feed.subscribers.add(subscriber)
        except BaseException:
            self.leave(feed, keys)
            raise
        self.counted += 1
        return subscriber

    cdef uint64_t watch(self, tuple keys) except? 0:
        """The revision behind which every change of the keys will be told."""
        cdef list watched = []
        cdef uint64_t revision = 0
        try:
            for key in keys:
                revision = self.committer.watch(key)
                watched.append(key)
        except BaseException:
            self.leave(None, tuple(watched))
            raise
        return revision

    cdef Feed feed_for(self, tuple keys):
        cdef Feed feed = self.shared.get(keys[0]) if len(keys) == 1 else None
        if feed is None:
            feed = Feed(self.subscriber_events_max, self.subscriber_bytes_max)
            if len(keys) == 1:
                self.shared[keys[0]] = feed
            for key in keys:
                (<list>self.feeds.setdefault(key, [])).append(feed)
        return feed

    def on_end(self, FeedSubscriber subscriber not None):
        self.ended.append(subscriber)
        self.forget_ended()

    cdef int forget_ended(self) except -1:
        """Where the lock is taken, its holder comes here after he let go of it."""
        lock = self.lock
        while self.ended and not self.abandoned and lock.acquire(False):
            self.holder = PyThread_get_thread_ident()
            try:
                self.forget_each()
            finally:
                self.holder = 0
                lock.release()
        return 0

    cdef int forget_each(self) except -1:
        cdef FeedSubscriber subscriber
        while self.ended:
            subscriber = self.ended.popleft()
            if subscriber.counted:
                subscriber.counted = False
                self.counted -= 1
                self.evicted_count += subscriber.evicted
                subscriber.feed.subscribers.discard(subscriber)
                self.leave(subscriber.feed, subscriber.keys)
        return 0

    cdef int leave(self, Feed feed, tuple keys) except -1:
        """One of the feed's subscribers is gone; the feed too, where he was the last."""
        cdef bint gone = feed is not None and not feed.subscribers
        for key in keys:
            self.committer.unwatch(key)
            if gone:
                self.feeds[key].remove(feed)
                if not self.feeds[key]:
                    del self.feeds[key]
        if gone:
            self.burst_bytes -= <uint64_t>self.bursts.pop(feed, 0)
            if len(keys) == 1:
                del self.shared[keys[0]]
        return 0

    def counts(self, double patience_seconds):
        # Python code runs here only under the lock of another thread, or in the middle of what this one does.
        if self.holder != PyThread_get_thread_ident() and self.lock.acquire(True, patience_seconds):
            self.holder = PyThread_get_thread_ident()
            try:
                self.forget_each()
            finally:
                self.let_go(self.lock)
        return self.counted, self.evicted_count

    # Events

    cpdef dispatch(self):
        if not self.feeds or self.abandoned:
            return
        lock = self.take_lock()
        try:
            self.tell()
        finally:
            self.let_go(lock)

    cdef int tell(self) except -1:
        cdef dict told = {}
        cdef Feed feed
        cdef bint lost
        try:
            events, lost = self.committer.take_events()
            for event in <list>events:
                feeds = self.feeds.get((<tuple>event)[1])
                if feeds is None:
                    continue
                for feed in <list>feeds:
                    if feed not in told:
                        told[feed] = None
                        feed.begin_burst()
                    feed.add(event, event_bytes(event))
            if lost:
                self.evict_all()
        except MemoryError:
            self.evict_all()    # who knows what they missed
            raise
        finally:
            for feed in told:
                self.end_burst(feed)
                self.unwoken.append(feed)
        return 0

    cdef int end_burst(self, Feed feed) except -1:
        """Let a large burst in; those that were let in before must make room, the oldest first."""
        cdef Feed oldest
        cdef uint64_t burst_bytes = feed.end_burst()
        if burst_bytes:
            self.burst_bytes += burst_bytes - <uint64_t>self.bursts.pop(feed, 0)
            self.bursts[feed] = burst_bytes
            while self.burst_bytes > self.bursts_bytes_max and len(self.bursts) > 1:
                oldest = next(iter(self.bursts))
                self.burst_bytes -= <uint64_t>self.bursts.pop(oldest)
                self.evict(oldest.withdraw_burst())
        if feed.sweep_due:
            self.evict(feed.sweep())
        return 0

    cpdef evict(self, list slow):
        cdef FeedSubscriber subscriber
        for subscriber in slow:
            subscriber.evict()
            self.ended.append(subscriber)
            self.untold.append(subscriber)

    cdef int evict_all(self) except -1:
        cdef Feed feed
        for feed in self.all_feeds():
            self.evict(list(feed.subscribers))
            self.unwoken.append(feed)
        return 0

    cpdef set all_feeds(self):
        return {feed for feeds in self.feeds.values() for feed in feeds}

    # The end

    def end(self):
        cdef Feed feed
        lock = self.take_lock()
        try:
            if self.closed:
                return False
            self.closed = True
            self.tell()
        finally:
            for feed in self.all_feeds():
                feed.ended = True
                self.unwoken.append(feed)
            self.let_go(lock)
        return True

    def abandon(self):
        cdef Feed feed
        self.closed = self.abandoned = True
        self.lock = Lock()
        self.holder = 0
        for feed in self.all_feeds():
            feed.ended = True
            feed.gates, feed.tasks = set(), {}
