"""Who walks a feed from tasks of an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fluxdb._core.promise import Promise, resolve
from fluxdb.engine.feed import Feed
from fluxdb.engine.subscriber import FeedSubscriber

WAITING_SPARE = 64

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

    __slots__ = ("_bell", "_earlier", "_promise")

    def __init__(
        self, feed: Feed, keys: tuple[str, ...], on_end: Callable[[FeedSubscriber], None], bell: LoopBell
    ) -> None:
        super().__init__(feed, keys, on_end)
        self._bell = bell
        self._promise: _Waiting | None = None  # of the last one that began to wait
        self._earlier: list[_Waiting] = []  # of those before him who wait still

    def wait(self) -> Promise[None]:
        promise: _Waiting = Promise(self._bell.loop)
        before, self._promise = self._promise, promise
        if before is not None and not before.done():
            self._earlier = [*(earlier for earlier in self._earlier if not earlier.done()), before]
        waiting = self.feed.tasks.get(self._bell)
        if waiting is None:
            waiting = self.feed.tasks[self._bell] = []
        elif len(waiting) > 2 * len(self.feed.subscribers) + WAITING_SPARE:
            waiting[:] = [other for other in waiting if not other.done()]  # without those who were cancelled
        waiting.append(promise)
        if self._has_news():
            resolve([promise])
        return promise

    def close(self) -> None:
        super().close()
        if self._promise is not None:
            self._bell.ring([*self._earlier, self._promise])
