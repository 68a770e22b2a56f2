"""Who walks a feed from tasks of an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from fluxdb.engine.feed import Feed
from fluxdb.engine.subscriber import FeedSubscriber

_Waiting = asyncio.Future[None]


class LoopBell:
    """Wakes the tasks of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def ring(self, waiting: list[_Waiting]) -> None:
        call_in_loop(self.loop, _resolve, waiting)


def _resolve(waiting: Iterable[_Waiting]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)


def call_in_loop(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    """Now where this is the loop's own thread, else soon. Nothing where the loop is closed: nobody waits there."""
    if asyncio._get_running_loop() is loop:
        function(*arguments)
        return
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        if not loop.is_closed():
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
        future: _Waiting = bell.loop.create_future()
        self._waiting.add(future)
        tasks = self.feed.tasks
        waiting = tasks.get(bell)
        if waiting is None:
            waiting = tasks[bell] = set()
        waiting.add(future)
        try:
            if not self._has_news():
                await future
        finally:
            self._waiting.discard(future)
            waiting.discard(future)

    def close(self) -> None:
        super().close()
        if self._waiting:
            self._bell.ring(list(self._waiting))
