"""Who watches what, and the telling: events come out of the committer, in its order, and go to the ends of feeds."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from fluxdb._core.events.backlog import Backlog
from fluxdb._core.events.feed import Feed, FeedSubscriber

_S = TypeVar("_S", bound=FeedSubscriber)

class Teller:
    """Safe from any thread. What a signal handler raises leaves nothing undone, and comes out at the end."""

    @property
    def closed(self) -> bool: ...
    @property
    def lock(self) -> threading.Lock:
        """Never held while waiting for anything."""
    @property
    def feeds(self) -> dict[str, list[Feed]]:
        """By key: whom to tell."""
    @property
    def backlog(self) -> Backlog:
        """Of all feeds."""
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
        """Of one key or more, each once. Raises ClosedError, InvalidKeyError, LimitError."""
    def on_end(self, subscriber: FeedSubscriber) -> None:
        """It was closed, or evicted. From a finalizer in the middle of anything, too: never waits for the lock."""
    def counts(self, patience_seconds: float) -> tuple[int, int]:
        """The subscribers there are, and those evicted so far. Waits for a thread that is telling, at most so long:
        those who ended meanwhile are counted until it is done."""
    def dispatch(self) -> bool:
        """Tell the subscribers what has been committed: some of it. Is there more?"""
    def bound_backlog(self, bytes_max: int) -> None:
        """Evict the longest queues until all feeds hold no more than that, and some less."""
    def evict(self, slow: list[FeedSubscriber]) -> None:
        """Under the lock."""
    def all_feeds(self) -> set[Feed]: ...
    def end(self) -> bool:
        """Tell what is left, then that it is over. False: that was done before."""
    def abandon(self) -> None:
        """After fork, in the child: the locks may be held by threads that are not there."""
