"""The notify actor: takes what was committed to watched keys, and tells the subscribers.

It owns who watches what (the compiled ``_core/events/dispatcher``). Events come out of the committer in commit order,
after they are durable, and are appended to feeds under one lock, so each subscriber sees a key's events in version
order and misses none. Nothing here waits for a subscriber.

Who dispatches: the reader callback of an event loop that has a mailbox, and a daemon thread, started with the first
subscriber that is taken by a thread. Both may be active at once. Each tells a piece of what has been committed, lets
others run, and comes again while there is more: a burst never takes an event loop's time in one go.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from fluxdb._core.base.locked import Kept, call_locked
from fluxdb._core.commit.committer import Committer
from fluxdb._core.events.backlog import ClientBacklog
from fluxdb._core.events.dispatcher import Teller
from fluxdb.engine import threads
from fluxdb.engine.feed import Feed
from fluxdb.engine.local.subscribers import FeedSubscriber, ThreadSubscriber
from fluxdb.limits import Limits
from fluxdb.values import keys_to_watch

IDLE_SECONDS = 60.0
PAUSE_SECONDS = 50e-6  # between two pieces of a burst, for those who take: without it none of them gets the GIL
COUNT_PATIENCE_SECONDS = 0.1  # an event loop may wait for it; to tell takes a small part of that

_S = TypeVar("_S", bound=FeedSubscriber)
_Make = Callable[[Feed, tuple[str, ...], Callable[[FeedSubscriber], None]], _S]


class NotifyActor:
    """Owner of the subscribers of one engine."""

    def __init__(self, committer: Committer, limits: Limits) -> None:
        self._committer = committer
        self._subscriber_bytes_max = limits.subscriber_bytes_max
        self.teller = Teller(
            committer,
            subscriber_events_max=limits.subscriber_events_max,
            subscriber_bytes_max=limits.subscriber_bytes_max,
            queued_bytes_max=limits.queued_event_bytes_max,
            subscriptions_max=limits.database_subscriptions_max,
        )
        # Tell the subscribers what has been committed, some of it; is there more? From any thread.
        self.dispatch: Callable[[], bool] = self.teller.dispatch
        self._thread: threading.Thread | None = None
        self._starting = threading.RLock()  # a signal handler may subscribe, too

    def subscribe_thread(self, keys: Sequence[str], kept: Kept | None = None) -> ThreadSubscriber:
        """Raises InvalidKeyError, LimitError, ClosedError, ValueError."""
        unique = keys_to_watch(keys)
        if self._thread is None:
            call_locked(self._starting, -1, self._start_thread)
        return self.teller.subscribe(partial((kept or Kept()).make, ThreadSubscriber), unique)

    def subscribe(self, make: _Make[_S], keys: Sequence[str]) -> _S:
        """For who sees to it that dispatch() is called. Raises InvalidKeyError, LimitError, ClosedError, ValueError."""
        return self.teller.subscribe(make, keys_to_watch(keys))

    def client_backlog(self, bytes_max: int) -> ClientBacklog:
        """For the subscribers of one client, whose bound is never below that of a single one."""
        return ClientBacklog(max(bytes_max, self._subscriber_bytes_max))

    @property
    def subscribers(self) -> int:
        """How many there are: who closed, or was evicted, before this is asked counts no more."""
        return self.teller.counts(COUNT_PATIENCE_SECONDS)[0]

    @property
    def evictions(self) -> int:
        """How many were evicted so far."""
        return self.teller.counts(COUNT_PATIENCE_SECONDS)[1]

    @property
    def queued_bytes(self) -> int:
        """Memory of the events that wait for subscribers."""
        return self.teller.backlog.bytes_held

    def bound_queues(self, bytes_max: int) -> None:
        """Evict those with the longest queues, where all together take more memory."""
        if self.queued_bytes > bytes_max:
            self.teller.bound_backlog(bytes_max)

    # The dispatching thread

    def _start_thread(self) -> None:
        if self._thread is None and not self.teller.closed:
            thread = threading.Thread(target=self._run, name="fluxdb-notify", daemon=True)
            threads.start(thread)  # where this is interrupted, it may run: two that dispatch do no harm
            self._thread = thread

    def _run(self) -> None:
        while not self.teller.closed and not self._committer.closed:
            if self._committer.wait_for_events(IDLE_SECONDS) and self.dispatch():
                time.sleep(PAUSE_SECONDS)

    # The end

    def close(self) -> None:
        """Tell what is left, then that it is over. The committer must be closed already. Idempotent."""
        try:
            self.teller.end()
        finally:
            self._committer.wake()
        thread = self._thread
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            thread.join()

    def abandon(self) -> None:
        """After fork, in the child: the locks may be held by threads that are not there."""
        self.teller.abandon()
        self._starting = threading.RLock()
        self._thread = None
