"""Who watches a key over a connection: taken from when the connection has room, evicted by the feed when it never has.

There is no task for a subscription: a feed that has news rings a bell, and the loop's next turn lets each connection
take what it has room for. What it does not take stays in the feed, which is shared and bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fluxdb.engine.feed import Feed
from fluxdb.engine.handle import RawEvent
from fluxdb.engine.subscriber import FeedSubscriber
from fluxdb.net import lines

if TYPE_CHECKING:
    from fluxdb.net.protocol import ClientProtocol

WAITING_SPARE = 64
LINES_KEPT_BYTES = 1024 * 1024


class EventBell:
    """Wakes the subscriptions of the connections of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lines: dict[int, bytes] = {}  # by revision: each event is put together once, not once a subscriber
        self._line_bytes = 0

    def ring(self, waiting: list[Any]) -> None:
        """From any thread; they are woken in the loop's next turn."""
        if asyncio._get_running_loop() is self._loop:
            self._loop.call_soon(self._deliver, waiting)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, waiting)

    def line(self, event: RawEvent) -> bytes:
        line = self._lines.get(event[5])
        if line is None:
            line = lines.event(event)
            self._line_bytes += len(line)
            if self._line_bytes > LINES_KEPT_BYTES:
                self.forget()
                self._line_bytes = len(line)
            self._lines[event[5]] = line
        return line

    def forget(self) -> None:
        self._lines.clear()
        self._line_bytes = 0

    def _deliver(self, waiting: list[ConnectionSubscriber]) -> None:
        by_protocol: dict[ClientProtocol, list[ConnectionSubscriber]] = {}
        for subscriber in waiting:
            subscriber.waiting = False
            by_protocol.setdefault(subscriber.protocol, []).append(subscriber)
        for protocol, subscribers in by_protocol.items():
            protocol.deliver(subscribers)
        self.forget()


class ConnectionSubscriber(FeedSubscriber):
    """One key that one connection watches."""

    __slots__ = ("bell", "protocol", "waiting")

    def __init__(
        self,
        feed: Feed,
        keys: tuple[str, ...],
        on_end: Callable[[FeedSubscriber], None],
        protocol: ClientProtocol,
        bell: EventBell,
    ) -> None:
        super().__init__(feed, keys, on_end)
        self.protocol = protocol
        self.bell = bell
        self.waiting = False  # in the feed's list of those to be woken

    def wait(self) -> bool:
        """Have the bell wake this when there is news. False: there is some already."""
        if not self.waiting:
            self.waiting = True
            waiting = self.feed.tasks.setdefault(self.bell, [])
            if len(waiting) > 2 * len(self.feed.subscribers) + WAITING_SPARE:
                waiting[:] = [other for other in waiting if not other.closed]
            waiting.append(self)
        if self._has_news():
            self.waiting = False  # the list may have been rung, by another thread, just before
            return False
        return True
