"""The notify actor: takes what was committed to watched keys, and tells the subscribers.

It owns who watches what. Events come out of the committer in commit order, after they are durable, and are appended
to feeds under one lock, so each subscriber sees a key's events in version order and misses none. Nothing here waits
for a subscriber.

Who dispatches: the reader callback of an event loop that has a mailbox, and a daemon thread, started with the first
subscriber that is taken by a thread. Both may be active at once; whoever comes first tells all.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TypeVar

from fluxdb._core.commit import Committer
from fluxdb.engine.feed import Feed, event_bytes
from fluxdb.engine.subscriber import FeedSubscriber, ThreadSubscriber
from fluxdb.errors import ClosedError, InvalidKeyError
from fluxdb.limits import Limits

IDLE_SECONDS = 60.0
COUNT_PATIENCE_SECONDS = 1.0

_S = TypeVar("_S", bound=FeedSubscriber)
_Make = Callable[[Feed, tuple[str, ...], Callable[[FeedSubscriber], None]], _S]


class NotifyActor:
    """Owner of the subscribers of one engine."""

    def __init__(self, committer: Committer, limits: Limits) -> None:
        self._committer = committer
        self._limits = limits
        self._lock = threading.Lock()  # never held while waiting for anything
        self._feeds: dict[str, list[Feed]] = {}  # by key: whom to tell
        self._shared: dict[str, Feed] = {}  # by key: the feed of those who watch that key alone
        self._bursts: dict[Feed, int] = {}  # bytes of the last large burst of each feed, the oldest first
        self._burst_bytes = 0
        self._ended: deque[FeedSubscriber] = deque()  # closed or evicted, still counted
        self._thread: threading.Thread | None = None
        self._closed = False
        self._abandoned = False
        self._counted = 0
        self._evictions = 0

    # Subscribers come and go

    def subscribe_thread(self, keys: Sequence[str]) -> ThreadSubscriber:
        """Raises InvalidKeyError, LimitError, ClosedError, ValueError."""
        subscriber = self.subscribe(ThreadSubscriber, keys)
        if self._thread is None:
            self._start_thread()
        return subscriber

    def subscribe(self, make: _Make[_S], keys: Sequence[str]) -> _S:
        """For who sees to it that dispatch() is called. Raises InvalidKeyError, LimitError, ClosedError, ValueError."""
        for key in keys:
            if not isinstance(key, str):
                raise InvalidKeyError(f"a key must be a str, not {type(key).__qualname__}")
        unique = tuple(dict.fromkeys(keys))
        if not unique:
            raise ValueError("subscribe to at least one key")
        with self._lock:
            if self._closed:
                raise ClosedError("the database is closed")
            self._tell()  # what is older goes before the new subscriber's place
            after_revision = self._watch(unique)
            subscriber = make(self._feed_for(unique), unique, self._on_end)
            subscriber.after_revision = after_revision
            subscriber.feed.subscribers.add(subscriber)
            self._counted += 1
        self._forget_ended()
        return subscriber

    def _watch(self, keys: tuple[str, ...]) -> int:
        """The revision behind which every change of the keys will be told."""
        revision = 0
        with ExitStack() as undo:
            for key in keys:
                revision = self._committer.watch(key)
                undo.callback(self._committer.unwatch, key)
            undo.pop_all()
        return revision

    def _feed_for(self, keys: tuple[str, ...]) -> Feed:
        feed = self._shared.get(keys[0]) if len(keys) == 1 else None
        if feed is None:
            feed = Feed(self._limits.subscriber_events_max, self._limits.subscriber_bytes_max)
            if len(keys) == 1:
                self._shared[keys[0]] = feed
            for key in keys:
                self._feeds.setdefault(key, []).append(feed)
        return feed

    def _on_end(self, subscriber: FeedSubscriber) -> None:
        """From any thread, and from a finalizer in the middle of anything: so it never waits for the lock."""
        self._ended.append(subscriber)
        self._forget_ended()

    def _forget_ended(self) -> None:
        """Where the lock is taken, its holder comes here after he let go of it."""
        while self._ended and not self._abandoned and self._lock.acquire(blocking=False):
            try:
                self._forget_each()
            finally:
                self._lock.release()

    def _forget_each(self) -> None:
        while self._ended:
            self._forget(self._ended.popleft())

    @property
    def subscribers(self) -> int:
        """How many there are: who closed, or was evicted, before this is asked counts no more."""
        self._settle()
        return self._counted

    @property
    def evictions(self) -> int:
        """How many were evicted so far."""
        self._settle()
        return self._evictions

    def _settle(self) -> None:
        """Wait for a thread that is telling: those who ended meanwhile are counted until it is done.

        With a bound, since a signal handler may ask in the very thread that holds the lock."""
        if self._lock.acquire(timeout=COUNT_PATIENCE_SECONDS):
            try:
                self._forget_each()
            finally:
                self._lock.release()

    def _forget(self, subscriber: FeedSubscriber) -> None:
        if not subscriber.counted:
            return
        subscriber.counted = False
        self._counted -= 1
        self._evictions += subscriber.evicted
        feed = subscriber.feed
        feed.subscribers.discard(subscriber)
        for key in subscriber.keys:
            self._committer.unwatch(key)
            if not feed.subscribers:
                self._feeds[key].remove(feed)
                if not self._feeds[key]:
                    del self._feeds[key]
        if not feed.subscribers:
            self._burst_bytes -= self._bursts.pop(feed, 0)
            if len(subscriber.keys) == 1:
                del self._shared[subscriber.keys[0]]

    # Events

    def dispatch(self) -> None:
        """Tell the subscribers what has been committed. From any thread."""
        if self._feeds:
            with self._lock:
                self._tell()
            self._forget_ended()

    def _tell(self) -> None:
        events, dropped = self._committer.take_events()
        feeds_of = self._feeds
        told: set[Feed] = set()
        try:
            for event in events:
                feeds = feeds_of.get(event[1])
                if feeds is None:
                    continue
                for feed in feeds:
                    if feed not in told:
                        feed.begin_burst()
                        told.add(feed)
                    feed.append(event, event_bytes(event))
        finally:
            for feed in told:
                self._end_burst(feed)
        if dropped:
            for feed in self._all_feeds():
                self._evict(list(feed.subscribers))
                feed.wake()

    def _end_burst(self, feed: Feed) -> None:
        """Let a large burst in; those that were let in before must make room, the oldest first."""
        burst_bytes = feed.end_burst()
        if burst_bytes:
            self._burst_bytes += burst_bytes - self._bursts.pop(feed, 0)
            self._bursts[feed] = burst_bytes
            while self._burst_bytes > self._limits.event_bytes_max and len(self._bursts) > 1:
                oldest = next(iter(self._bursts))
                self._burst_bytes -= self._bursts.pop(oldest)
                self._evict(oldest.withdraw_burst())
        if feed.sweep_due:
            self._evict(feed.sweep())

    def _evict(self, slow: list[FeedSubscriber]) -> None:
        for subscriber in slow:
            subscriber.evict()
            self._ended.append(subscriber)

    def _all_feeds(self) -> set[Feed]:
        return {feed for feeds in self._feeds.values() for feed in feeds}

    # The dispatching thread

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="fluxdb-notify", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closed and not self._committer.closed:
            if self._committer.wait_for_events(IDLE_SECONDS):
                self.dispatch()

    # The end

    def close(self) -> None:
        """Tell what is left, then that it is over. The committer must be closed already. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._tell()
            for feed in self._all_feeds():
                feed.end()
        self._forget_ended()
        self._committer.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def abandon(self) -> None:
        """After fork, in the child: the locks may be held by threads that are not there."""
        self._closed = self._abandoned = True
        self._lock = threading.Lock()
        self._thread = None
        for feed in self._all_feeds():
            feed.ended = True
            feed.gates, feed.tasks = set(), {}
