"""The notify actor: takes committed events of watched keys, and delivers them to the subscribers.

It owns the subscriptions (the compiled ``_core/events/dispatcher``). Events leave the committer in commit order,
after they are durable, and are appended to feeds under one lock, so each subscriber sees a key's events in version
order and misses none. Nothing here waits for a subscriber.

Two callers dispatch: the reader callback of an event loop that has a mailbox, and a daemon thread, started with the
first subscriber that a thread reads. Both may be active at once. Each delivers a piece of the committed events, lets
others run, and continues while more are left: a burst never takes an event loop's time in one go.
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
from fluxdb._core.events.dispatcher import Dispatcher
from fluxdb.engine import threads
from fluxdb.engine.feed import Feed
from fluxdb.engine.local.subscribers import FeedSubscriber, ThreadSubscriber
from fluxdb.limits import Limits
from fluxdb.values import keys_to_watch

IDLE_SECONDS = 60.0
PAUSE_SECONDS = 50e-6  # between two pieces of a burst, for the takers: without it none of them gets the GIL
COUNT_PATIENCE_SECONDS = 0.1  # an event loop may wait for it; delivering takes a small part of that

_S = TypeVar("_S", bound=FeedSubscriber)
_Make = Callable[[Feed, tuple[str, ...], Callable[[FeedSubscriber], None]], _S]


class NotifyActor:
    """The owner of an engine's subscribers."""

    def __init__(self, committer: Committer, limits: Limits) -> None:
        self._committer = committer
        self._subscriber_bytes_max = limits.subscriber_bytes_max
        self.dispatcher = Dispatcher(
            committer,
            subscriber_events_max=limits.subscriber_events_max,
            subscriber_bytes_max=limits.subscriber_bytes_max,
            queued_bytes_max=limits.queued_event_bytes_max,
            subscriptions_max=limits.database_subscriptions_max,
        )
        # Delivers some of the committed events to the subscribers; returns whether more are left. From any thread.
        self.dispatch: Callable[[], bool] = self.dispatcher.dispatch
        self._thread: threading.Thread | None = None
        self._starting = threading.RLock()  # a signal handler may subscribe too

    def subscribe_thread(self, keys: Sequence[str], kept: Kept | None = None) -> ThreadSubscriber:
        """Subscribe for a thread. Raises InvalidKeyError, LimitError, ClosedError, ValueError."""
        unique = keys_to_watch(keys)
        if self._thread is None:
            call_locked(self._starting, -1, self._start_thread)
        return self.dispatcher.subscribe(partial((kept or Kept()).make, ThreadSubscriber), unique)

    def subscribe(self, make: _Make[_S], keys: Sequence[str]) -> _S:
        """Subscribe for a caller that makes sure dispatch() is called. Raises as subscribe_thread()."""
        return self.dispatcher.subscribe(make, keys_to_watch(keys))

    def client_backlog(self, bytes_max: int) -> ClientBacklog:
        """Return the backlog for one client's subscribers; its bound is never below that of a single one."""
        return ClientBacklog(max(bytes_max, self._subscriber_bytes_max))

    @property
    def subscribers(self) -> int:
        """Number of live subscribers; closed and evicted ones are not counted."""
        return self.dispatcher.counts(COUNT_PATIENCE_SECONDS)[0]

    @property
    def evictions(self) -> int:
        """Number of subscribers evicted so far."""
        return self.dispatcher.counts(COUNT_PATIENCE_SECONDS)[1]

    @property
    def queued_bytes(self) -> int:
        """Memory of the events that wait for subscribers."""
        return self.dispatcher.backlog.bytes_held

    def bound_queues(self, bytes_max: int) -> None:
        """Evict the subscribers with the longest queues if all queues together take more memory."""
        if self.queued_bytes > bytes_max:
            self.dispatcher.bound_backlog(bytes_max)

    # The dispatching thread

    def _start_thread(self) -> None:
        if self._thread is None and not self.dispatcher.closed:
            thread = threading.Thread(target=self._run, name="fluxdb-notify", daemon=True)
            threads.start(thread)  # it may run even if this is interrupted: two dispatching threads do no harm
            self._thread = thread

    def _run(self) -> None:
        while not self.dispatcher.closed and not self._committer.closed:
            if self._committer.wait_for_events(IDLE_SECONDS) and self.dispatch():
                time.sleep(PAUSE_SECONDS)

    # The end

    def close(self) -> None:
        """Deliver the rest, then end the feeds. The committer must already be closed. Idempotent."""
        try:
            self.dispatcher.end()
        finally:
            self._committer.wake()
        thread = self._thread
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            thread.join()

    def abandon(self) -> None:
        """Let go of everything in a forked child: threads that do not exist here may hold the locks."""
        self.dispatcher.abandon()
        self._starting = threading.RLock()
        self._thread = None
