"""Who walks a feed from tasks of an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fluxdb._core.promise import Promise, resolve
from fluxdb.engine.feed import Feed
from fluxdb.engine.subscriber import FeedSubscriber

_Waiting = Promise[None]


class LoopBell:
    """Wakes the tasks of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def ring(self, waiting: list[_Waiting]) -> None:
        """In the loop's next turn: who is woken may do anything, and the feeds are locked now."""
        if asyncio._get_running_loop() is self.loop:
            self.loop.call_soon(resolve, waiting)
            return
        try:
            self.loop.call_soon_threadsafe(resolve, waiting)
        except RuntimeError:  # the loop is closed: nobody waits there
            if not self.loop.is_closed():
                raise


class TaskSubscriber(FeedSubscriber):
    """A subscriber whose takers are tasks of one event loop."""

    __slots__ = ("_bell", "_waiting")

    def __init__(
        self, feed: Feed, keys: tuple[str, ...], on_end: Callable[[FeedSubscriber], None], bell: LoopBell
    ) -> None:
        super().__init__(feed, keys, on_end)
        self._bell = bell
        self._waiting: set[_Waiting] = set()

    async def wait(self) -> None:
        bell = self._bell
        promise: _Waiting = Promise(bell.loop)
        self._waiting.add(promise)
        tasks = self.feed.tasks
        waiting = tasks.get(bell)
        if waiting is None:
            waiting = tasks[bell] = set()
        waiting.add(promise)
        try:
            if not self._has_news():
                await promise
        finally:
            self._waiting.discard(promise)
            waiting.discard(promise)

    def close(self) -> None:
        super().close()
        if self._waiting:
            self._bell.ring(list(self._waiting))
