"""One live connection in an event loop: lines that are written together, replies to those who wait for them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial

from fluxdb.client import failure, reply
from fluxdb.client.address import Address
from fluxdb.client.protocol import Protocol, Taker
from fluxdb.errors import ConnectionLostError, FluxDBError

KEEPALIVE_IDLE_SECONDS = 15
KEEPALIVE_INTERVAL_SECONDS = 5
KEEPALIVE_PROBES = 3


class LinkLostError(Exception):
    """The connection ended before the reply. The words say why."""


class Link(asyncio.Protocol):
    """Used in the thread of its event loop only. ``pushed`` gets the lines that answer nothing, and ``tell`` is called
    when all that one read brought was seen; ``on_lost`` once, after all who waited were told."""

    def __init__(self, pushed: Taker, tell: Callable[[], None], on_lost: Callable[[Link], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._protocol = Protocol(pushed)
        self._tell = tell
        self._on_lost = on_lost
        self._transport: asyncio.Transport
        self._outgoing: list[bytes] = []
        self._futures: set[asyncio.Future[bytes]] = set()
        self._writable: asyncio.Future[None] | None = None  # where the socket takes no more just now
        self._reason = ""
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self.lost = False
        self.revision = 0  # of the newest write over it that was acknowledged; the next server may be behind this one

    # What the owner does

    def request(self, body: bytes, first: Taker | None = None) -> asyncio.Future[bytes]:
        """Send it with all others of this turn of the loop. The reply's line, or LinkLostError.

        Cancelling it shifts nothing. ``first`` gets the line before anything behind it in the stream is looked at.
        """
        future: asyncio.Future[bytes] = self._loop.create_future()
        self.send(body, partial(_resolve, future, first))
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        if self.lost:
            future.set_exception(LinkLostError(self.why))
        return future

    def send(self, body: bytes, taker: Taker) -> None:
        """Send it; the reply's line goes to ``taker``."""
        if self.lost:
            return
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(self._protocol.request(body, taker))

    @property
    def congested(self) -> bool:
        """Does the socket take no more just now?"""
        return self._writable is not None

    async def wait_writable(self) -> None:
        """Return when the socket takes more: what is waiting to be sent stays bounded."""
        while self._writable is not None and not self.lost:
            await asyncio.shield(self._writable)

    async def drain(self) -> None:
        """Return when every request has its reply, or the connection is lost."""
        while self._futures and not self.lost:
            await asyncio.wait(list(self._futures))

    def close(self, reason: str = "") -> None:
        self._reason = self._reason or reason
        self._flush()
        self._transport.close()

    async def wait_lost(self, seconds_max: float) -> None:
        """Behind close(): return when the socket is closed, by force after so long."""
        await asyncio.wait([self._ended], timeout=seconds_max)
        if not self.lost:
            self._transport.abort()

    @property
    def why(self) -> str:
        """Why it was lost, in words."""
        if self._protocol.last_words is not None:
            return str(failure.failure(reply.members(self._protocol.last_words)))
        return self._reason or "the server closed the connection"

    # What the transport does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        keep_alive(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        try:
            self._protocol.feed(data)
        except FluxDBError as error:
            self._reason = str(error)
            self._transport.abort()
        finally:
            self._tell()
        if self._protocol.last_words is not None:
            self._transport.abort()  # what is asked from here on goes over the next connection

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._transport.abort()  # does nothing; but Python 3.10 would warn of a TLS transport that was never closed
        if error is not None:
            self._reason = self._reason or words(error)
        self.resume_writing()
        for future in list(self._futures):
            if not future.done():
                future.set_exception(LinkLostError(self.why))
        self._on_lost(self)
        if not self._ended.done():
            self._ended.set_result(None)

    def _flush(self) -> None:
        if self._outgoing and not self.lost:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()


def _resolve(future: asyncio.Future[bytes], first: Taker | None, line: bytes) -> None:
    if first is not None:
        first(line)
    if not future.done():
        future.set_result(line)


async def connect(address: Address, link: Callable[[], Link], tls: ssl.SSLContext | None, seconds: float) -> Link:
    """A connection to the server. Raises ConnectionLostError, which says where to and why not."""
    loop = asyncio.get_running_loop()
    context = (tls or ssl.create_default_context()) if address.tls else None
    try:
        if address.path:
            connecting = loop.create_unix_connection(link, address.path)
            _, made = await asyncio.wait_for(connecting, seconds)
        else:
            _, made = await asyncio.wait_for(
                loop.create_connection(link, address.host, address.port, ssl=context), seconds
            )
    except (TimeoutError, asyncio.TimeoutError):
        raise ConnectionLostError(f"no connection to {address}: no answer within {seconds:g} s") from None
    except (OSError, UnicodeError) as error:
        raise ConnectionLostError(f"no connection to {address}: {words(error)}") from error
    return made


def words(error: Exception) -> str:
    """Without numbers and addresses, which asyncio adds."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused (is the server running?)"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def keep_alive(connected: socket.socket | None) -> None:
    """Notice within half a minute that the server's machine is gone."""
    if connected is None or connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_SECONDS),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_SECONDS),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
    ):
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
