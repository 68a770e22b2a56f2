"""Feeds, which are compiled (``_core/events/feed``), and the bells that wake their waiters."""

from __future__ import annotations

from typing import Any, Protocol

from fluxdb._core.events.feed import Feed, FeedSubscriber, Node, open_gate


class Bell(Protocol):
    """Wakes the tasks of one event loop."""

    def ring(self, waiting: list[Any]) -> None:
        """Ring, from any thread."""


__all__ = ["Bell", "Feed", "FeedSubscriber", "Node", "open_gate"]
