"""A feed: the events of some keys as a linked list, which each subscriber walks at its own pace.

An event is kept once, however many subscribers it has, and only while one of them has yet to take it: a subscriber
refers to the last event that it took, each event to the next, so what all have taken is freed by itself. To tell
10,000 subscribers of an event is to append it once and to wake those who wait.

A subscriber is slow when more than ``events_max`` events, or more than ``bytes_max`` bytes in two or more events, lie
before it. It is evicted: what it has not taken is dropped at once, and it is told so when it next asks. The check is
made when it takes (exact: only taking shortens the way) and by a sweep over all (for the memory of those who never
ask again), which comes after every quarter of the bound, so a feed never holds more than 1.25 times the bound and one
event.

Appending is done under the notify actor's lock. Taking and waiting need no lock of their own: each step leaves the
list whole for whoever looks, and who begins to wait looks again after putting down where to be woken.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Protocol

from fluxdb.engine.handle import RawEvent

if TYPE_CHECKING:
    from fluxdb.engine.subscriber import FeedSubscriber


class Bell(Protocol):
    """Wakes the tasks of one event loop."""

    def ring(self, waiting: list[Any]) -> None:
        """From any thread."""


def event_bytes(event: RawEvent) -> int:
    """What counts toward the bounds."""
    _, key, old, new, _, _ = event
    return len(key) + (0 if old is None else len(old)) + (0 if new is None else len(new))


class Node:
    """One event in the list, with its number and the bytes of all up to it."""

    __slots__ = ("bytes_total", "event", "next", "number")

    def __init__(self, event: RawEvent | None, number: int, bytes_total: int) -> None:
        self.event = event
        self.number = number
        self.bytes_total = bytes_total
        self.next: Node | None = None


class Feed:
    """The list's end, and who walks it."""

    __slots__ = (
        "bytes_max",
        "ended",
        "events_max",
        "gates",
        "subscribers",
        "sweep_bytes",
        "sweep_number",
        "tail",
        "tasks",
    )

    def __init__(self, events_max: int, bytes_max: int) -> None:
        self.events_max = events_max
        self.bytes_max = bytes_max
        self.tail = Node(None, 0, 0)
        self.ended = False
        self.subscribers: set[FeedSubscriber] = set()
        self.sweep_number = events_max
        self.sweep_bytes = bytes_max
        self.gates: set[threading.Lock] = set()  # of waiting threads
        self.tasks: dict[Bell, list[Any]] = {}  # waiting tasks, by the bell of their event loop

    def append(self, event: RawEvent, event_bytes: int) -> None:
        """Tell all. Never blocks."""
        before = self.tail
        node = Node(event, before.number + 1, before.bytes_total + event_bytes)
        before.next = node
        self.tail = node
        if self.gates or self.tasks:
            self.wake()

    @property
    def sweep_due(self) -> bool:
        return self.tail.number > self.sweep_number or self.tail.bytes_total > self.sweep_bytes

    def sweep(self) -> list[FeedSubscriber]:
        """The slow ones. The next sweep is due a quarter of the bound later."""
        self.sweep_number = self.tail.number + self.events_max // 4
        self.sweep_bytes = self.tail.bytes_total + self.bytes_max // 4
        return [subscriber for subscriber in self.subscribers if subscriber.is_slow()]

    def end(self) -> None:
        """There will be no more events."""
        self.ended = True
        self.wake()

    def wake(self) -> None:
        """Wake who waits. From any thread."""
        gates, self.gates = self.gates, set()
        for gate in list(gates):  # a copy: one who has just begun to wait may still add itself (and then looks again)
            open_gate(gate)
        tasks, self.tasks = self.tasks, {}
        for bell, waiting in list(tasks.items()):
            bell.ring(list(waiting))


def open_gate(gate: threading.Lock) -> None:
    """Let the thread go that waits to acquire it. Once more does no harm."""
    with contextlib.suppress(RuntimeError):
        gate.release()
