"""The engine of a server, for the tasks of one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from threading import get_ident
from typing import Any, TypeVar

from fluxdb._core.base.locked import Kept
from fluxdb.engine.handle import ANY_VERSION, NO_BACKUP, Written
from fluxdb.engine.remote import failure, forgotten, reply, request
from fluxdb.engine.remote.calls import CallingLoopEngine
from fluxdb.engine.remote.link import Link, LinkLostError
from fluxdb.engine.remote.protocol import Taker
from fluxdb.engine.remote.reconnecting import Reconnecting
from fluxdb.engine.remote.settings import Settings
from fluxdb.engine.remote.subscribers import RemoteSubscriber, TaskSubscriber
from fluxdb.errors import (
    FORKED_CONNECTION,
    ClosedError,
    ConnectionLostError,
    ForkedError,
    RequestTimeoutError,
    StorageError,
    closed_error,
)
from fluxdb.storage.progress import ProgressCallback

T = TypeVar("T")

CLOSE_SECONDS_MAX = 5.0
CONNECTION_CLOSED = "the connection was closed"


class RemoteLoopEngine(CallingLoopEngine):
    """A server behind the names of an engine. Made by connect(); used in the event loop that ran it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        self._process = os.getpid()
        self._line = Reconnecting(settings)
        self._leaving: deque[RemoteSubscriber] = deque()  # they watch no more, but the server has yet to hear of it
        self.closed = False

    @classmethod
    async def connect(cls, settings: Settings) -> RemoteLoopEngine:
        """Raises ConnectionLostError, AuthError, and whatever the server refuses the connection with."""
        handle = cls(settings)
        try:
            await handle._line.link()
        except BaseException:
            handle.closed = True
            handle._line.abandon()
            raise
        return handle

    @property
    def name(self) -> str:
        """The server's address."""
        return str(self._settings.address)

    async def set(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, ttl_ms: int = 0, keep_ttl: bool = False
    ) -> Written:
        return took_effect(await self.write(request.set(key, text, if_version, ttl_ms, keep_ttl)))

    async def patch(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, remove_nulls: bool = False, ttl_ms: int = 0
    ) -> Written:
        return took_effect(await self.write(request.patch(key, text, if_version, remove_nulls, ttl_ms)))

    async def touch(self, key: str, ttl_ms: int = 0, if_version: int = ANY_VERSION) -> Written | None:
        return await self.write(request.touch(key, ttl_ms, if_version))

    async def delete(self, key: str, if_version: int = ANY_VERSION) -> Written | None:
        return await self.write(request.delete(key, if_version))

    async def subscribe(self, keys: Sequence[str], kept: Kept | None = None) -> TaskSubscriber:
        subscriber = (kept or Kept()).make(TaskSubscriber, keys, self._settings.limits, self.forget, self._loop)
        await self.watch(subscriber)
        return subscriber

    async def checkpoint(self) -> int:
        """Takes as long as it takes: the time-out does not count for it."""
        return reply.revision(await self._ask_again(request.CHECKPOINT, None))

    async def backup(self, folder: str | os.PathLike[str], progress: ProgressCallback | None = None) -> int:
        """The server makes it, and reports no progress. The time-out does not count for it."""
        if not self._settings.address.path:
            self._check_open()
            raise StorageError(NO_BACKUP)
        body = request.backup(folder)
        link = await self._ready(self._until())
        try:
            return reply.revision(await self._line_of(link, body, None, changes=True))
        except LinkLostError as lost:
            raise ConnectionLostError(
                f"the connection to {self.name} was lost before the reply ({lost}): the backup is made, or not",
                maybe_applied=True,
            ) from None

    async def info(self) -> dict[str, Any]:
        found = reply.answer(await self.ask(request.INFO))
        told = found.get("info")
        return told if isinstance(told, dict) else {k: v for k, v in found.items() if k not in ("kind", "id")}

    async def ping(self) -> None:
        reply.answer(await self.ask(request.PING))

    async def close(self) -> None:
        if self._loop.is_closed():
            self.close_forgotten()
        elif not self.closed:
            self._check_open()
            self.closed = True
            await self._line.close(CLOSE_SECONDS_MAX)

    def close_forgotten(self) -> None:
        """From any thread; the loop may have ended."""
        self.closed = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: so is the connection
            self._loop.call_soon_threadsafe(self._line.abandon)

    def abandon(self) -> None:
        """After fork, in the child: the loop and the connection are its parent's."""
        self.closed = True
        self._line.watchers.end(ForkedError(FORKED_CONNECTION))

    def __del__(self) -> None:
        if getattr(self, "_line", None) is not None and not self.closed:
            try:
                forgotten.warn(self, stacklevel=2)
            finally:  # warnings can be errors
                self.close_forgotten()

    # Requests, returning the reply's line. One that changes something is sent once, whatever happens.

    async def ask(self, body: bytes) -> bytes:
        """Send a request that changes nothing; once more if the connection was lost."""
        return await self._ask_again(body, self._until())

    async def write(self, body: bytes) -> Written | None:
        """Version and revision; None where there was nothing to delete."""
        return await self.change(body, reply.written)

    async def change(self, body: bytes, read: Callable[[bytes], T]) -> T:
        """Send a request that writes. Return what ``read`` makes of its reply: a result with a ``revision``."""
        until = self._until()
        link = await self._ready(until)
        try:
            done = read(await self._line_of(link, body, until, changes=True))
        except LinkLostError as lost:
            raise ConnectionLostError(
                f"the connection to {self.name} was lost before the reply ({lost}): the write was made, or not",
                maybe_applied=True,
            ) from None
        if done is not None:  # what came before its revision is no news to those who subscribe from here on
            link.revision = max(link.revision, _revision_of(done))
        return done

    async def _ask_again(self, body: bytes, until: float | None) -> bytes:
        with contextlib.suppress(LinkLostError):
            return await self._reply(await self._ready(until), body, until)
        try:
            return await self._reply(await self._ready(until), body, until)
        except LinkLostError as lost:
            raise ConnectionLostError(f"the connection to {self.name} was lost: {lost}") from None

    def _until(self) -> float | None:
        """When a request that is begun now has taken too long; the reconnecting and asking again count."""
        seconds = self._settings.timeout_seconds
        return None if seconds is None else self._loop.time() + seconds

    async def _ready(self, until: float | None) -> Link:
        """A connection that takes requests. Nothing was sent where this fails."""
        self._check_open()
        link = self._line.live or await self._line.link(until)
        if link.congested:
            reads = link.reads
            try:
                await asyncio.wait_for(link.wait_writable(), None if until is None else until - self._loop.time())
            except (TimeoutError, asyncio.TimeoutError):
                self._give_up_silent(link, reads)
                raise RequestTimeoutError(f"{self.name} has not taken the request in time") from None
            self._check_open()
        if link.lost:  # while this waited
            link = self._line.live or await self._line.link(until)
        if self._leaving:
            self._forget_leaving()
        return link

    async def ask_raw(self, body: bytes, *, changes: bool) -> bytes:
        """The reply as it is, an error's too; sent once."""
        until = self._until()
        try:
            return await self._line_of(await self._ready(until), body, until, changes=changes)
        except LinkLostError as lost:
            raise ConnectionLostError(
                f"the connection was lost before the reply: {lost}", maybe_applied=changes
            ) from None

    async def _reply(self, link: Link, body: bytes, until: float | None, first: Taker | None = None) -> bytes:
        """Raises LinkLostError, and the server's errors."""
        line = await self._line_of(link, body, until, changes=False, first=first)
        if line.startswith(failure.ERROR):
            raise failure.failure(reply.members(line))
        return line

    async def _line_of(
        self, link: Link, body: bytes, until: float | None, *, changes: bool, first: Taker | None = None
    ) -> bytes:
        """``first`` sees the line before anything behind it. Raises LinkLostError, RequestTimeoutError."""
        future = link.request(body, first)
        timer = None if until is None else self._loop.call_at(until, self._expire, future, changes, link, link.reads)
        try:
            return await future
        finally:
            if timer is not None:
                timer.cancel()

    def _expire(self, future: asyncio.Future[bytes], changes: bool, link: Link, reads: int) -> None:
        if not future.done():
            unknown = ": the write was made, or not, or will be" if changes else ""
            message = f"no reply from {self.name} within {self._settings.timeout_seconds:g} s{unknown}"
            future.set_exception(RequestTimeoutError(message, maybe_applied=changes))
            self._give_up_silent(link, reads)

    def _give_up_silent(self, link: Link, reads: int) -> None:
        """A request timed out, and nothing has come since it was sent: what keeps the connection open may be a proxy
        that has lost the server. The next request makes a new one."""
        if link.reads == reads:
            link.give_up(f"nothing came from the server within {self._settings.timeout_seconds:g} s of a request")

    def check_open(self) -> None:
        if self.closed:
            raise closed_error(self._process, CONNECTION_CLOSED, FORKED_CONNECTION)

    def _check_open(self) -> None:
        """And that it is used where it may be. Raises ClosedError, RuntimeError."""
        self.check_open()
        if self._loop.is_closed():
            raise ClosedError("the connection was closed with the event loop that it belonged to: open a new one")
        if get_ident() != self._thread:
            raise RuntimeError("a connection belongs to the event loop that made it: open one in each loop")

    # Subscriptions

    async def watch(self, subscriber: RemoteSubscriber) -> None:
        """Return when the server tells it of all its keys."""
        until = self._until()
        try:
            with contextlib.suppress(LinkLostError):
                return await self._watch(await self._ready(until), subscriber, until)
            self._forget(subscriber)
            await self._watch(await self._ready(until), subscriber, until)
        except LinkLostError as lost:
            self._forget(subscriber)
            raise ConnectionLostError(f"the connection to {self.name} was lost: {lost}") from None
        except BaseException:
            self._forget(subscriber)
            raise

    async def _watch(self, link: Link, subscriber: RemoteSubscriber, until: float | None) -> None:
        watchers = self._line.watchers
        watchers.add(subscriber)
        self._line.guard(link)
        subscriber.after_revision = link.revision
        replies = []
        for key in subscriber.keys:
            # For a key that the server already watches, it changes nothing: its reply comes after all older events.
            first = partial(watchers.answered, key, [subscriber])
            replies.append(self._reply(link, request.subscribe(key), until, first))
        for outcome in await asyncio.gather(*replies, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
            reply.answer(outcome)
        if subscriber.closed:  # before it was added: a signal handler interrupted the thread that asked
            self._forget(subscriber)

    def forget(self, subscriber: RemoteSubscriber) -> None:
        """It watches no more. From any thread; from finalizers, which run in the middle of anything, this class too."""
        if self.closed:
            return
        self._leaving.append(subscriber)
        with contextlib.suppress(RuntimeError):  # the loop is closed, and so is the connection
            self._loop.call_soon_threadsafe(self._forget_leaving)

    def _forget_leaving(self) -> None:
        while self._leaving:
            self._forget(self._leaving.popleft())

    def _forget(self, subscriber: RemoteSubscriber) -> None:
        link = self._line.live
        for key in self._line.watchers.remove(subscriber):
            if link is not None:
                link.send(request.unsubscribe(key), _ignore)


def took_effect(done: Written | None) -> Written:
    """Return the outcome of a SET or a PATCH, which always take effect if they don't raise."""
    if done is None:
        words = "the server says of a write that there was nothing to delete"
        raise reply.UnexpectedReplyError(words, maybe_applied=True)
    return done


def _revision_of(done: Any) -> int:
    return int(getattr(done, "revision", None) or done[1])


def _ignore(line: bytes) -> None:
    """Ignore the reply of a request for which nobody waits."""
