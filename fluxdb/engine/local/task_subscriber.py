"""Waking the tasks of an event loop that read a feed; reading it is compiled (``_core/events/stream``)."""

from __future__ import annotations

import asyncio

from fluxdb._core.events.promise import Promise, resolve
from fluxdb._core.events.stream import TaskSubscriber


class LoopBell:
    """Wakes the tasks of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def ring(self, waiting: list[Promise[None]]) -> None:
        """In the loop's next turn: who is woken may do anything, and the feeds are locked now."""
        if asyncio._get_running_loop() is self.loop:
            self.loop.call_soon(resolve, waiting)
            return
        try:
            self.loop.call_soon_threadsafe(resolve, waiting)
        except RuntimeError:  # the loop is closed: nobody waits there
            if not self.loop.is_closed():
                raise


__all__ = ["LoopBell", "TaskSubscriber"]
