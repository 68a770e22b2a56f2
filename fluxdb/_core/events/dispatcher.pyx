"""Subscriptions and fan-out: events leave the committer in commit order and are appended to feeds.

Everything done under the lock is compiled, except making a subscriber, which can be undone. A signal handler runs
between two steps of Python code, and may raise there (Ctrl-C): so it can neither leave the lock taken nor lose events
that were taken from the committer. Waiting subscribers are woken after the lock is released, and exceptions of a bell
surface at the end.

A finalizer may run wherever memory is allocated, also under the lock: so on_end only tries to take the lock, and its
holder takes care of ended subscribers after releasing it.
"""

from collections import deque
from threading import Lock

from libc.stdint cimport uint64_t

from fluxdb._core.events.backlog cimport Backlog, ClientBacklog
from fluxdb._core.events.feed cimport Feed, FeedSubscriber, call_whatever_comes

from fluxdb.errors import ClosedError, LimitError

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()


cdef uint64_t event_bytes(tuple event) except? 0:
    """The bytes that count toward the bounds."""
    key, old, new = event[1], event[2], event[3]
    return <uint64_t>(len(key) + (0 if old is None else len(old)) + (0 if new is None else len(new)))


cdef class Dispatcher:
    cdef object committer
    cdef uint64_t subscriber_events_max, subscriber_bytes_max, queued_bytes_max
    cdef uint64_t subscriptions_max, subscriptions      # keys, each as often as it is subscribed to
    cdef readonly Backlog backlog       # of all feeds
    cdef readonly object lock           # never held while waiting for anything
    cdef unsigned long holder           # the thread that has the lock; 0: none
    cdef readonly dict feeds            # by key: the lists of its feeds
    cdef dict shared                    # by key: the feed of those who watch that key alone
    cdef dict burst_feeds               # the feeds for which the current burst has events
    cdef bint in_burst
    cdef object ended                   # closed or evicted, still counted
    cdef list to_wake                   # feeds that have news, or are over
    cdef list to_notify                    # subscribers that were evicted
    cdef readonly bint closed
    cdef bint abandoned
    cdef uint64_t counted, evicted_count

    def __init__(self, committer, *, uint64_t subscriber_events_max, uint64_t subscriber_bytes_max,
                 uint64_t queued_bytes_max, uint64_t subscriptions_max):
        self.committer = committer
        self.subscriber_events_max = subscriber_events_max
        self.subscriber_bytes_max = subscriber_bytes_max
        self.queued_bytes_max = queued_bytes_max
        self.subscriptions_max = subscriptions_max
        self.backlog = Backlog()
        self.lock = Lock()
        self.feeds, self.shared, self.burst_feeds = {}, {}, {}
        self.ended = deque()
        self.to_wake, self.to_notify = [], []

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
        cdef list none_to_wake, none_to_notify, to_wake, to_notify
        cdef Feed feed
        cdef FeedSubscriber subscriber
        if not self.to_wake and not self.to_notify:
            return 0
        none_to_wake, none_to_notify = [], []
        to_wake = self.to_wake      # another thread may come here: what one takes, the other does not
        self.to_wake = none_to_wake
        to_notify = self.to_notify
        self.to_notify = none_to_notify
        error = None
        for feed in to_wake:
            try:
                feed.wake()
            except BaseException as failure:
                error = failure if error is None else error
        for subscriber in to_notify:
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
                self.deliver()  # what is older goes before the new subscriber's place
                subscriber = self.add(make, keys)
            finally:
                self.let_go(lock)
        except BaseException:
            if subscriber is not None:
                subscriber.close()
            raise
        return subscriber

    cdef FeedSubscriber add(self, make, tuple keys):
        cdef FeedSubscriber subscriber = None
        cdef Feed feed = None
        cdef uint64_t after_revision
        self.check_room(<uint64_t>len(keys))
        after_revision = self.watch(keys)
        try:
            feed = self.feed_for(keys)
            subscriber = make(feed, keys, self.on_end)
            subscriber.after_revision = subscriber.last_revision = after_revision
            if subscriber.client is not None:
                subscriber.client.subscribers.add(subscriber)
                feed.of_clients.add(subscriber)
            feed.subscribers.add(subscriber)
        except BaseException:
            if subscriber is not None:
                subscriber.counted = False      # it may be closed still
            self.leave(feed, keys)
            raise
        self.counted += 1
        self.subscriptions += <uint64_t>len(keys)
        return subscriber

    cdef int check_room(self, uint64_t more) except -1:
        if self.subscriptions + more > self.subscriptions_max:
            self.forget_each()
        if self.subscriptions + more > self.subscriptions_max:
            raise LimitError(
                f"{self.subscriptions} keys are subscribed to in this database, and {more} more are over the limit of "
                f"{self.subscriptions_max} (database_subscriptions_max)"
            )
        return 0

    cdef uint64_t watch(self, tuple keys) except? 0:
        """Watch the keys; return the revision after which all their changes are delivered."""
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
            feed = Feed(self.subscriber_events_max, self.subscriber_bytes_max, self.backlog)
            if len(keys) == 1:
                self.shared[keys[0]] = feed
            for key in keys:
                (<list>self.feeds.setdefault(key, [])).append(feed)
        return feed

    def on_end(self, FeedSubscriber subscriber not None):
        self.ended.append(subscriber)
        self.forget_ended()

    cdef int forget_ended(self) except -1:
        """Forget the ended subscribers. If the lock is taken, its holder does this after releasing it."""
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
                self.subscriptions -= <uint64_t>len(subscriber.keys)
                self.evicted_count += subscriber.evicted
                subscriber.feed.subscribers.discard(subscriber)
                if subscriber.client is not None:
                    subscriber.client.subscribers.discard(subscriber)
                    subscriber.feed.of_clients.discard(subscriber)
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
            self.burst_feeds.pop(feed, None)
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

    def dispatch(self):
        cdef bint more = False
        if not self.feeds or self.abandoned:
            return False
        lock = self.take_lock()
        try:
            more = self.deliver()
        finally:
            self.let_go(lock)
        return more

    cdef int deliver(self) except -1:
        """A piece of a burst, to those it concerns, and at its end judge them. Is there more?"""
        cdef dict rung = {}
        cdef Feed feed
        cdef bint lost, more
        cdef bint burst_over = True
        if not self.in_burst:
            self.backlog.begin_burst()
        self.in_burst = True
        try:
            events, lost, burst_over, more = self.committer.take_events()
            for event in <list>events:
                feeds = self.feeds.get((<tuple>event)[1])
                if feeds is None:
                    continue
                for feed in <list>feeds:
                    if feed not in self.burst_feeds:
                        feed.begin_burst()
                        self.burst_feeds[feed] = None
                    feed.add(event, event_bytes(event))
                    rung[feed] = None
            if lost:
                self.evict_all()
        except MemoryError:
            self.evict_all()    # who knows what they missed
            raise
        finally:
            self.to_wake += rung
            if burst_over:
                self.end_burst()
            self.evict_longest(self.queued_bytes_max)
        return more

    cdef int end_burst(self) except -1:
        """Now they are judged: see the feed."""
        cdef Feed feed
        cdef dict burst_feeds = self.burst_feeds
        self.burst_feeds = {}
        self.in_burst = False
        for feed in burst_feeds:
            feed.end_burst()
            if feed.sweep_due:
                self.evict(feed.sweep())
        self.evict_crowded()
        return 0

    cdef int evict_crowded(self) except -1:
        """Evict, for each client over its bound, the longest queues until it is within."""
        cdef ClientBacklog client
        cdef FeedSubscriber subscriber, longest
        for client in self.backlog.take_crowded():
            while client.is_slow():
                longest = None
                for subscriber in client.subscribers:
                    if longest is None or subscriber.bytes_waiting() > longest.bytes_waiting():
                        longest = subscriber
                if longest is None or longest.bytes_waiting() == 0:
                    break
                self.evict([longest])

    def bound_backlog(self, uint64_t bytes_max):
        lock = self.take_lock()
        try:
            self.evict_longest(bytes_max)
        finally:
            self.let_go(lock)

    cdef int evict_longest(self, uint64_t bytes_max) except -1:
        """The longest queues of all, until an eighth of the bound is free: else this would be due again at once."""
        cdef uint64_t bytes_wanted = bytes_max - bytes_max // 8
        cdef Feed feed
        cdef FeedSubscriber subscriber
        cdef list queues = []
        if self.backlog.bytes_held <= bytes_max:
            return 0
        for feed in self.all_feeds():
            for subscriber in feed.subscribers:
                if subscriber.bytes_waiting():
                    queues.append((subscriber.bytes_waiting(), len(queues), subscriber))
        queues.sort(reverse=True)
        for _, _, subscriber in queues:
            if self.backlog.bytes_held <= bytes_wanted:
                break
            self.evict([subscriber])
        return 0

    cpdef evict(self, list slow):
        cdef FeedSubscriber subscriber
        for subscriber in slow:
            subscriber.evict()
            self.ended.append(subscriber)
            self.to_notify.append(subscriber)

    cdef int evict_all(self) except -1:
        cdef Feed feed
        for feed in self.all_feeds():
            self.evict(list(feed.subscribers))
            self.to_wake.append(feed)
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
            while self.deliver():
                pass
        finally:
            for feed in self.all_feeds():
                feed.ended = True
                self.to_wake.append(feed)
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
