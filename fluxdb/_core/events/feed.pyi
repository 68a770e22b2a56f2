"""A feed: the events of some keys as a linked list, which each subscriber walks at its own pace."""

import threading
from collections.abc import Callable
from typing import Any

from fluxdb._core.events.backlog import Backlog, ClientBacklog

# kind, key, old, new, version, revision: shared by all subscribers, parsed by each that takes it
_RawEvent = tuple[int, str, bytes | None, bytes | None, int, int, int]

class Node:
    """One event in the list, or the empty place at its end, with its number and the bytes of all before it."""

    event: _RawEvent | None
    next: Node | None
    @property
    def number(self) -> int: ...
    @property
    def bytes_total(self) -> int: ...
    def __init__(self, number: int, bytes_total: int) -> None: ...

class Feed:
    """The list's end, and who walks it."""

    tail: Node
    ended: bool
    subscribers: set[FeedSubscriber]
    gates: set[threading.Lock]  # of waiting threads
    tasks: dict[Any, list[Any]]  # waiting tasks, by the bell of their event loop
    @property
    def events_max(self) -> int: ...
    @property
    def bytes_max(self) -> int: ...
    @property
    def backlog(self) -> Backlog: ...
    def __init__(self, events_max: int, bytes_max: int, backlog: Backlog | None = None) -> None: ...
    def append(self, event: _RawEvent, event_bytes: int) -> None:
        """Append an event for all subscribers. Never blocks."""
    def begin_burst(self) -> None:
        """Begin a burst: nobody is slow until end_burst, because nobody could take what is appended in between."""
    def end_burst(self) -> None:
        """End a burst. If it alone exceeds the bound, it counts for nobody until two more such bursts have come."""
    @property
    def sweep_due(self) -> bool: ...
    def sweep(self) -> list[FeedSubscriber]:
        """Return the slow subscribers. The next sweep is due a quarter of the bound later."""
    def end(self) -> None:
        """End the feed: no more events will come."""
    def wake(self) -> None:
        """Wake the waiting subscribers. From any thread. Exceptions of a bell surface when all were rung."""

def open_gate(gate: threading.Lock) -> None:
    """Release the thread that waits to acquire it. Calling it again does no harm."""

class FeedSubscriber:
    """A position in a feed. Any thread may take: an event goes to one of them only."""

    after_revision: int  # events up to here are older than the subscription
    counted: bool  # by the teller, which alone changes it
    gate: threading.Lock | None  # of the thread that waits
    client: ClientBacklog | None  # None: only its own bound applies
    @property
    def feed(self) -> Feed: ...
    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def last_revision(self) -> int:
        """The revision of the last event taken; before the first one, the revision at which it subscribed."""
    @property
    def evicted(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    def __init__(self, feed: Feed, keys: tuple[str, ...], on_end: Callable[[FeedSubscriber], None]) -> None: ...
    def take(self) -> _RawEvent | None:
        """Return the next event; None if none has arrived yet. Raises SubscriberEvictedError; ClosedError after the
        last.
        """
    def next_revision(self) -> int | None:
        """Return the revision of the event that take() returns next; None if none has arrived, 0 if take() raises."""
    def take_many(self, bytes_max: int) -> list[_RawEvent]:
        """Return the next events, until they are ``bytes_max`` bytes or more; empty if none arrived yet. Raises like
        take.
        """
    def keep_until_sent(self) -> None:
        """Keep taken events in memory from now on, and count them for the client, until note_sent()."""
    def note_sent(self, revision: int) -> None:
        """Release the taken events up to this revision."""
    def is_slow(self) -> bool: ...
    def evict(self) -> None:
        """Drop the events that were not taken. From any thread."""
    def after_eviction(self) -> None:
        """For subclasses: it was evicted while it did not ask. From any thread; no lock is held."""
    def close(self) -> None:
        """Take no more. Never blocks, takes no lock that may be held: finalizers call it."""
    def _begin_turn(self) -> None:
        """It waits no more."""
    def _has_news(self) -> bool: ...
    def _wait_at(self, gate: threading.Lock) -> bool:
        """Have the gate opened when there is news. False: there is some already."""
    def _wait_at_bell(self, bell: Any) -> bool:
        """Have the bell rung for this when there is news. False: there is some already."""
