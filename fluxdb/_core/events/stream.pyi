"""From a feed's events to those that a task iterates over: taken, parsed and awaited without a line of Python."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fluxdb._core.base.model import Event
from fluxdb._core.events.backlog import ClientBacklog
from fluxdb._core.events.feed import Feed, FeedSubscriber
from fluxdb._core.events.promise import Promise

class EventParser:
    """Makes an Event of an event as the engine hands it out. Its values are the taker's own, to change as he likes."""

    def __init__(self, loads: Callable[[bytes], Any], operations: Mapping[Any, str]) -> None: ...
    def parse(self, raw: tuple[int, str, bytes | None, bytes | None, int, int, int]) -> Event: ...
    def take(self, subscriber: FeedSubscriber) -> Event | None:
        """Return the parsed result of subscriber.take(). Any thread may call it at any time: an event goes to one of
        them only.
        """

class TaskSubscriber(FeedSubscriber):
    """A subscriber whose takers are tasks of one event loop, which the bell wakes.

    With a client it keeps what it takes until it says that it was sent.
    """

    def __init__(
        self,
        feed: Feed,
        keys: tuple[str, ...],
        on_end: Callable[[FeedSubscriber], None],
        bell: Any,
        client: ClientBacklog | None = None,
    ) -> None: ...
    def wait(self) -> Promise[None]: ...

class EventStream:
    """An asynchronous iterator over the events of a subscriber."""

    def _feed_from(self, subscriber: TaskSubscriber, parser: EventParser) -> None:
        """Iterate over these, from now on without _next_event."""
    def _next_event(self) -> Coroutine[Any, Any, Event]:
        """For subclasses: the next event, however it is had. Raises StopAsyncIteration at the end."""
    def __anext__(self) -> Coroutine[Any, Any, Event]: ...
