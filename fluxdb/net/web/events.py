"""The events of one page: of all keys that it watches, in the order of their commits.

One task sends them, one at a time. The teller appends events in commit order, so what is not there yet is newer than
all that is: the oldest of what waits, over all keys, is the next to be sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from websockets.exceptions import ConnectionClosed

from fluxdb._core.events.promise import Promise
from fluxdb.engine.local.task_subscriber import TaskSubscriber
from fluxdb.errors import ClosedError, SubscriberEvictedError
from fluxdb.net.web import messages

logger = logging.getLogger("fluxdb.web")


class PageEvents:
    """``send`` sends what is made; ``close`` is awaited where no more events can come though the page is there: with
    True when the database was closed, with False when something failed that nobody expected."""

    def __init__(
        self,
        send: Callable[[Callable[[], bytes]], Awaitable[None]],
        close: Callable[[bool], Awaitable[None]],
    ) -> None:
        self._send = send
        self._close = close
        self._subscribers: dict[str, TaskSubscriber] = {}
        self._waiting: dict[TaskSubscriber, Promise[None]] = {}  # resolved when it has news
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._subscribers)

    def __contains__(self, key: str) -> bool:
        return key in self._subscribers

    def add(self, key: str, subscriber: TaskSubscriber) -> None:
        self._subscribers[key] = subscriber
        self._news.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def drop(self, key: str) -> None:
        """Send no event of the key from here on, but one that is being sent."""
        subscriber = self._subscribers.pop(key, None)
        if subscriber is not None:
            self._waiting.pop(subscriber, None)
            subscriber.close()

    def end(self) -> None:
        for key in list(self._subscribers):
            self.drop(key)
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while True:
                self._news.clear()
                while (key := self._next()) is not None:
                    await self._tell(key, self._subscribers[key])
                await self._news.wait()
        except ConnectionClosed:
            pass
        except ClosedError:
            await self._close(True)
        except Exception:
            logger.exception("the events of a page failed")
            await self._close(False)

    def _next(self) -> str | None:
        """The key whose turn it is. Those without news are to wake the task when they have some."""
        oldest: int | None = None
        next_key = None
        for key, subscriber in self._subscribers.items():
            revision = subscriber.next_revision()
            if revision is None:
                self._wait_for(subscriber)
            elif oldest is None or revision < oldest:
                oldest, next_key = revision, key
        return next_key

    def _wait_for(self, subscriber: TaskSubscriber) -> None:
        waiting = self._waiting.get(subscriber)
        if waiting is None or waiting.done():
            self._waiting[subscriber] = waiting = subscriber.wait()
            waiting.add_done_callback(lambda _: self._news.set())

    async def _tell(self, key: str, subscriber: TaskSubscriber) -> None:
        try:
            event = subscriber.take()
        except SubscriberEvictedError as error:
            self.drop(key)
            await self._send(partial(messages.evicted_message, key, error))
            return
        if event is not None:
            await self._send(partial(messages.event_message, event))
            subscriber.note_sent(event[5])
