"""A connection that is reopened after it was lost.

A request reopens it at once. If something is subscribed it is also reopened in the background, with growing pauses, and
the subscriptions are sent before anything else: what is read over the new connection is not older than their events.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from functools import partial

from fluxdb.engine.remote import failure, reply, request
from fluxdb.engine.remote.heartbeat import Heartbeat
from fluxdb.engine.remote.link import SILENCE_SECONDS_MAX, Link, LinkLostError, connect
from fluxdb.engine.remote.settings import Settings
from fluxdb.engine.remote.watchers import Watchers
from fluxdb.errors import AuthError, ClosedError, ConnectionLostError, FluxDBError

PAUSE_SECONDS_MIN = 0.05
PAUSE_SECONDS_MAX = 10.0
_MAYBE_TLS = " without a word: it may want TLS (fluxdbs://), or be no FluxDB server"

logger = logging.getLogger("fluxdb.client")


class Reconnecting:
    """Used in the thread of its event loop only."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._connecting: asyncio.Task[Link] | None = None
        self._retrying: asyncio.Task[None] | None = None
        self._closed = False
        self._pause_seconds = PAUSE_SECONDS_MIN
        self._heartbeat = Heartbeat(settings.heartbeat_seconds, self._is_watched)
        self.watchers = Watchers()
        self.live: Link | None = None

    async def link(self, until: float | None = None) -> Link:
        """Return the connection; if it is missing, open it once for all callers, who then wait until ``until``.

        Raises ConnectionLostError, AuthError, and whatever the server refuses the connection with.
        """
        if self._closed:
            raise ClosedError("the connection was closed")
        if self.live is not None:
            return self.live
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())
            self._connecting.add_done_callback(self._connected)
        connecting = self._connecting
        # Not awaited itself: cancelled by close(), it is no cancellation of those who wait.
        await asyncio.wait([connecting], timeout=None if until is None else until - self._loop.time())
        if not connecting.done():
            seconds = self._settings.timeout_seconds
            raise ConnectionLostError(f"no connection to {self._settings.address}: not made within {seconds:g} s")
        if connecting.cancelled():
            raise ClosedError("the connection was closed")
        error = connecting.exception()
        if isinstance(error, FluxDBError):
            raise failure.copy_of(error) from error.__cause__
        return connecting.result()

    async def close(self, seconds_max: float) -> None:
        """Wait for pending replies for a limited time; then end everything."""
        self._closed = True
        try:
            if self.live is not None:
                with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                    await asyncio.wait_for(self.live.drain(), seconds_max)
        finally:
            live = self.abandon()
        if live is not None:
            await live.wait_lost(seconds_max)

    def abandon(self) -> Link | None:
        """End everything now. The connection that is being closed."""
        self._closed = True
        for task in (self._retrying, self._connecting):
            if task is not None:
                task.cancel()
        live, self.live = self.live, None
        if live is not None:
            live.close("the client closed the connection")
        self._heartbeat.stop()
        self.watchers.end(ClosedError("the connection was closed"))
        return live

    async def _connect(self) -> Link:
        settings = self._settings
        patient = settings.timeout_seconds is None or settings.timeout_seconds > SILENCE_SECONDS_MAX
        make = partial(Link, self.watchers.pushed, self.watchers.tell, self._lost)
        until = self._loop.time() + settings.connect_seconds
        link = await connect(settings.address, make, settings.tls, settings.connect_seconds, patient=patient)
        try:
            await self._greet(link, until)
            if self._closed:
                raise ClosedError("the connection was closed")
            if link.lost:
                raise ConnectionLostError(f"no connection to {settings.address}: {link.why}")
        except BaseException:
            link.abort()
            raise
        self.live = link
        for key in self.watchers.keys:
            link.send(request.subscribe(key), partial(self.watchers.answered, key, self.watchers.of(key)))
        self.guard(link)
        return link

    def guard(self, link: Link) -> None:
        """Keys are watched over ``link``: notice when it is dead."""
        if self._is_watched(link):
            self._heartbeat.start(link)

    def _is_watched(self, link: Link) -> bool:
        return link is self.live and bool(self.watchers.keys)

    async def _greet(self, link: Link, until: float) -> None:
        settings = self._settings
        password = settings.address.password if settings.password is None else settings.password
        body = request.PING if password is None else request.auth(password)
        try:
            line = await asyncio.wait_for(link.request(body), until - self._loop.time())
        except (TimeoutError, asyncio.TimeoutError):
            raise ConnectionLostError(f"no connection to {settings.address}: nobody answers there") from None
        except LinkLostError as lost:
            hint = _MAYBE_TLS if link.lost_without_a_word and not settings.address.tls else ""
            raise ConnectionLostError(f"no connection to {settings.address}: {lost}{hint}") from None
        if password is None:
            if not reply.is_welcome(line):
                raise AuthError(f"{settings.address} wants a password: the argument password of open()")
            return
        try:
            reply.answer(line)
        except AuthError as error:
            raise AuthError(f"{settings.address} did not take the password: {error}") from None

    def _connected(self, connecting: asyncio.Task[Link]) -> None:
        self._connecting = None
        if not connecting.cancelled():
            connecting.exception()  # those who waited have it, or nobody did

    def _lost(self, link: Link) -> None:
        if link is not self.live:
            return
        self.live = None
        self._heartbeat.stop()
        if self._closed or not self.watchers.keys:
            return
        logger.info("the connection to %s was lost: %s", self._settings.address, link.why)
        message = (
            f"the connection to {self._settings.address} was lost ({link.why}): events may have been missed. "
            "The subscription goes on by itself: read the keys again, then go on with it"
        )
        self.watchers.interrupt(ConnectionLostError(message))
        if self._loop.time() - link.made_at > self._pause_seconds:  # not one that is lost again and again
            self._pause_seconds = PAUSE_SECONDS_MIN
        if self._retrying is None or self._retrying.done():
            self._retrying = self._loop.create_task(self._retry())

    async def _retry(self) -> None:
        while self.live is None and self.watchers.keys:
            pause = self._pause_seconds
            self._pause_seconds = min(2 * pause, PAUSE_SECONDS_MAX)
            await asyncio.sleep(random.uniform(pause / 2, pause))  # not all clients in the same instant
            try:
                await self.link()
            except AuthError as error:
                self.watchers.end(error)
            except ClosedError:
                if self._closed:
                    return
            except FluxDBError as error:
                logger.debug("%s", error)
