"""Subscriptions and fan-out: events leave the committer in commit order and are appended to feeds."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from fluxdb._core.events.backlog import Backlog
from fluxdb._core.events.feed import Feed, FeedSubscriber

_S = TypeVar("_S", bound=FeedSubscriber)

class Dispatcher:
    """Safe from any thread. An exception of a signal handler leaves nothing undone, and surfaces at the end."""

    @property
    def closed(self) -> bool: ...
    @property
    def lock(self) -> threading.Lock:
        """Never held while waiting for anything."""
    @property
    def feeds(self) -> dict[str, list[Feed]]:
        """The feeds of each key."""
    @property
    def backlog(self) -> Backlog:
        """The pending events of all feeds."""
    def __init__(
        self,
        committer: Any,  # its watch, unwatch and take_events
        *,
        subscriber_events_max: int,
        subscriber_bytes_max: int,
        queued_bytes_max: int,  # of memory, of all feeds together
        subscriptions_max: int,  # keys, each as often as it is subscribed to
    ) -> None: ...
    def subscribe(
        self, make: Callable[[Feed, tuple[str, ...], Callable[[FeedSubscriber], None]], _S], keys: tuple[str, ...]
    ) -> _S:
        """Subscribe to one key or more, each once. Raises ClosedError, InvalidKeyError, LimitError."""
    def on_end(self, subscriber: FeedSubscriber) -> None:
        """Note that it was closed or evicted. Also from a finalizer in the middle of anything: never waits for the
        lock.
        """
    def counts(self, patience_seconds: float) -> tuple[int, int]:
        """Return the numbers of live subscribers and of evictions. Waits for a dispatching thread for a limited time;
        subscribers that end meanwhile are counted until it is done."""
    def dispatch(self) -> bool:
        """Dispatch some of the committed events to the subscribers; return True if more are left."""
    def bound_backlog(self, bytes_max: int) -> None:
        """Evict the longest queues until all feeds hold no more than that, and some less."""
    def evict(self, slow: list[FeedSubscriber]) -> None:
        """Evict these subscribers. Called under the lock."""
    def all_feeds(self) -> set[Feed]: ...
    def end(self) -> bool:
        """Dispatch the rest, then end the feeds. False: that was done before."""
    def abandon(self) -> None:
        """Let go of everything in a forked child: threads that do not exist here may hold the locks."""
