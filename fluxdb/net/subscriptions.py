"""Subscriptions of a connection: it takes events while it has room, and is evicted by the feed if it never has.

There is no task per subscription: a feed with new events rings a bell, and in its next turn the loop lets each
connection take what it has room for. The rest stays in the feed, which is shared and bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from fluxdb._core.events.backlog import ClientBacklog
from fluxdb.engine.feed import Feed
from fluxdb.engine.handle import RawEvent
from fluxdb.engine.local.subscribers import FeedSubscriber
from fluxdb.net import lines

EVENTS_BYTES_MAX = 16 * 1024  # waiting to be sent on a connection when it takes no more events
WAITING_SPARE = 64
LINES_KEPT_BYTES = 1024 * 1024
AGAIN_SECONDS = 0.05  # until a delivery that failed in the middle is tried again


class Deliveries(Protocol):
    """Sends events to one client, or to many."""

    def deliver(self, subscribers: Iterable[ConnectionSubscriber]) -> None:
        """Take the events of these subscribers while there is room, and send them."""


class EventBell:
    """Wakes the subscriptions of the connections of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._rung: deque[list[ConnectionSubscriber]] = deque()
        self._ringing = False
        self._lines: dict[int, bytes] = {}  # by revision: each event is built once, not once per subscriber
        self._line_bytes = 0

    def ring(self, waiting: list[Any]) -> None:
        """Ring from any thread; all that is rung until the loop's next turn is delivered together."""
        self._rung.append(waiting)
        if self._ringing:
            return
        self._ringing = True
        try:
            if asyncio._get_running_loop() is self._loop:
                self._loop.call_soon(self._deliver)
            elif not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._deliver)
        except BaseException as error:  # a signal handler's: later rings still count
            self._ringing = False
            if not (isinstance(error, RuntimeError) and self._loop.is_closed()):  # nobody waits
                raise

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

    def _deliver(self) -> None:
        self._ringing = False  # before delivering: a ring from here on rings again
        try:
            lists = len(self._rung)
            failed: Exception | None = None
            for deliveries, subscribers in self._by_deliveries(lists).items():
                try:
                    deliveries.deliver(subscribers)
                except Exception as error:  # noqa: PERF203 - the others are notified first
                    failed = failed or error
            if failed is not None:
                raise failed
            for _ in range(lists):
                self._rung.popleft()
        except BaseException:  # out of memory, for example: the subscribers not notified yet get no other ring
            self._loop.call_later(AGAIN_SECONDS, self._deliver)
            raise
        finally:
            self.forget()

    def _by_deliveries(self, lists: int) -> dict[Deliveries, dict[ConnectionSubscriber, None]]:
        """Return the subscribers of the first lists, each once, in the order of the rings."""
        found: dict[Deliveries, dict[ConnectionSubscriber, None]] = {}
        for number in range(lists):
            for subscriber in self._rung[number]:
                subscriber.waiting = False
                found.setdefault(subscriber.deliveries, {})[subscriber] = None
        return found


class ConnectionSubscriber(FeedSubscriber):
    """One key that one connection watches."""

    __slots__ = ("behind", "bell", "deliveries", "number", "sent_revision", "taken", "waiting")

    def __init__(
        self,
        feed: Feed,
        keys: tuple[str, ...],
        on_end: Callable[[FeedSubscriber], None],
        deliveries: Deliveries,
        number: int,
        bell: EventBell,
        client: ClientBacklog | None = None,
    ) -> None:
        super().__init__(feed, keys, on_end)
        self.client = client  # all that waits for it, whatever it watches
        self.keep_until_sent()
        self.deliveries = deliveries
        self.number = number  # of the client, for deliveries to many
        self.bell = bell
        self.taken: list[RawEvent] = []  # taken and not yet sent
        self.sent_revision = 0  # of the last event that was sent; 0: none
        self.behind = False  # there was no room for them
        self.waiting = False  # in the feed's list of subscribers to wake

    def wait(self) -> bool:
        """Register for a ring when new events arrive. False: some have arrived already."""
        if not self.waiting:
            self.waiting = True
            waiting = self.feed.tasks.get(self.bell)
            if waiting is not None and len(waiting) > 2 * len(self.feed.subscribers) + WAITING_SPARE:
                waiting[:] = [other for other in waiting if not other.closed]
            if self._wait_at_bell(self.bell):
                return True
        elif not self._has_news():
            return True
        self.waiting = False  # the list may have been rung, by another thread, just before
        return False

    def after_eviction(self) -> None:
        self.bell.ring([self])  # it keeps what it has taken, and may have no room to ask for more
