"""Feeds, which are compiled (``_core/feed``), and who wakes those that wait for news of them."""

from __future__ import annotations

from typing import Any, Protocol

from fluxdb._core.feed import Feed, FeedSubscriber, Node, open_gate
from fluxdb.engine.handle import RawEvent


class Bell(Protocol):
    """Wakes the tasks of one event loop."""

    def ring(self, waiting: list[Any]) -> None:
        """From any thread."""


def event_bytes(event: RawEvent) -> int:
    """What counts toward the bounds."""
    _, key, old, new, _, _ = event
    return len(key) + (0 if old is None else len(old)) + (0 if new is None else len(new))


__all__ = ["Bell", "Feed", "FeedSubscriber", "Node", "event_bytes", "open_gate"]
