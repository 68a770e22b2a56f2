"""Who walks a feed; here, from a thread that blocks. (From tasks of an event loop: ``task_subscriber``.)"""

from __future__ import annotations

import threading
from collections.abc import Callable

from fluxdb.engine.feed import Feed, Node, event_bytes, open_gate
from fluxdb.engine.handle import RawEvent
from fluxdb.errors import ClosedError, FluxDBError, SubscriberEvictedError


class FeedSubscriber:
    """A place in a feed. One taker at a time."""

    __slots__ = ("_at", "_on_end", "after_revision", "closed", "counted", "evicted", "feed", "keys", "last_revision")

    def __init__(self, feed: Feed, keys: tuple[str, ...], on_end: Callable[[FeedSubscriber], None]) -> None:
        self.feed = feed
        self.keys = keys
        self.after_revision = 0  # events up to here are older than the subscription
        self.last_revision = 0
        self.evicted = False
        self.closed = False
        self.counted = True  # by the notify actor, which alone changes it
        self._at: Node | None = feed.tail
        self._on_end = on_end

    def take(self) -> RawEvent | None:
        """The next event; None where there is none yet. Raises SubscriberEvictedError; ClosedError after the last."""
        feed = self.feed
        ended = feed.ended  # looked at first: what is appended before the end must still be taken
        while True:
            at = self._at
            if at is None:
                raise self._why_ended()
            node = at.next
            if node is None:
                if ended:
                    raise self._why_ended()
                return None
            if node is not feed.tail and self.is_slow():
                self.evict()
                self._on_end(self)
                continue
            self._at = node
            if self.closed or self.evicted:  # meanwhile, by another thread: don't hold the rest of the list
                self._at = None
            event = node.event
            assert event is not None
            revision = event[5]
            if revision > self.after_revision:
                self.last_revision = revision
                return event

    def take_many(self, bytes_max: int) -> list[RawEvent]:
        """The next events, until they are ``bytes_max`` bytes or more; none where there is none yet. Raises as take."""
        events: list[RawEvent] = []
        taken_bytes = 0
        while taken_bytes < bytes_max:
            try:
                event = self.take()
            except FluxDBError:
                if not events:
                    raise
                break  # the next call raises it
            if event is None:
                break
            events.append(event)
            taken_bytes += event_bytes(event)
        return events

    def is_slow(self) -> bool:
        at, tail = self._at, self.feed.tail
        if at is None:
            return False
        waiting = tail.number - at.number
        if waiting <= 1:  # a lone event is always taken, however large
            return False
        return waiting > self.feed.events_max or tail.bytes_total - at.bytes_total > self.feed.bytes_max

    def evict(self) -> None:
        """Drop what was not taken. From any thread."""
        self.evicted = True
        self._at = None

    def close(self) -> None:
        """Take no more. Never blocks, takes no lock that may be held: finalizers call it."""
        if self.closed:
            return
        self.closed = True
        self._at = None
        self._on_end(self)

    def _has_news(self) -> bool:
        at = self._at
        return at is None or at.next is not None or self.feed.ended

    def _why_ended(self) -> Exception:
        self._at = None
        if self.evicted and not self.closed:
            return SubscriberEvictedError(self.last_revision)
        return ClosedError("the subscription was closed" if self.closed else "the database was closed")


class ThreadSubscriber(FeedSubscriber):
    """A subscriber whose taker is a thread."""

    __slots__ = ("_gate",)

    def __init__(self, feed: Feed, keys: tuple[str, ...], on_end: Callable[[FeedSubscriber], None]) -> None:
        super().__init__(feed, keys, on_end)
        self._gate: threading.Lock | None = None

    def wait(self, timeout_seconds: float | None) -> None:
        gate = threading.Lock()
        gate.acquire()
        self._gate = gate
        gates = self.feed.gates
        gates.add(gate)
        try:
            if not self._has_news():
                gate.acquire(timeout=-1 if timeout_seconds is None else min(timeout_seconds, threading.TIMEOUT_MAX))
        finally:
            self._gate = None
            self.feed.gates.discard(gate)

    def close(self) -> None:
        super().close()
        gate = self._gate
        if gate is not None:
            open_gate(gate)
