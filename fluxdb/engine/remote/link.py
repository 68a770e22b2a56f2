"""One live connection in an event loop: lines that are written together, replies to those who wait for them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import cast

from fluxdb.engine.remote import failure, reply
from fluxdb.engine.remote.address import Address
from fluxdb.engine.remote.dialing import dial
from fluxdb.engine.remote.protocol import Protocol, Taker
from fluxdb.errors import ConnectionLostError, FluxDBError

KEEPALIVE_IDLE_SECONDS = 15
KEEPALIVE_INTERVAL_SECONDS = 5
KEEPALIVE_PROBES = 3
SILENCE_SECONDS_MAX = KEEPALIVE_IDLE_SECONDS + KEEPALIVE_PROBES * KEEPALIVE_INTERVAL_SECONDS

_REFUSED = "connection refused (is the server running?)"
_UNTRUSTED = {18, 19, 20, 21}  # OpenSSL's: self-signed, or signed by somebody unknown
_TRUST = " (tls=, or --tls-ca FILE of a command, says whom to trust)"
_NUMBERS = re.compile(r"\[Errno ([0-9]+)\]")


class LinkLostError(Exception):
    """The connection ended before the reply. The words say why."""


class Link(asyncio.Protocol):
    """Used in the thread of its event loop only. ``pushed`` gets the lines that answer nothing, and ``tell`` is called
    when everything that one read brought was processed; ``on_lost`` once, after all waiters got their error."""

    def __init__(self, pushed: Taker, tell: Callable[[], None], on_lost: Callable[[Link], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.made_at = self._loop.time()
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
        self.reads = 0  # how often something arrived
        self.revision = 0  # of the newest write over it that was acknowledged; the next server may be behind this one

    # Calls of the owner

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

    @property
    def owes_nothing(self) -> bool:
        """Has every request had its reply?"""
        return not len(self._protocol)

    def give_up(self, reason: str) -> None:
        """Give up an open but dead connection: all waiters get an error now, and it is closed without waiting for
        anything.
        """
        if not self.lost:
            self._reason = self._reason or reason
            self._give_up()

    def abort(self) -> None:
        """Close it without waiting for anything."""
        self._transport.abort()

    async def wait_lost(self, seconds_max: float) -> None:
        """Behind close(): return when the socket is closed, by force after so long."""
        try:
            await asyncio.wait([self._ended], timeout=seconds_max)
        finally:
            if not self._ended.done():
                self._transport.abort()

    @property
    def why(self) -> str:
        """Why it was lost, in words."""
        if self._protocol.last_message is not None:
            return str(failure.failure(reply.members(self._protocol.last_message)))
        return self._reason or "the server closed the connection"

    @property
    def lost_without_a_word(self) -> bool:
        """Nothing is known but that the other side closed it."""
        return self.lost and not self._reason and self._protocol.last_message is None

    # Callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # by its methods: those of other loops have other bases

    def data_received(self, data: bytes) -> None:
        broken = False
        self.reads += 1
        try:
            self._protocol.feed(data)
        except FluxDBError as error:
            broken, self._reason = True, str(error)
        finally:
            self._tell()
        if broken or self._protocol.last_message is not None:
            self._give_up()

    def eof_received(self) -> None:
        """No reply comes any more: nobody waits for the server to take what is still to be sent."""
        self._give_up()

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def connection_lost(self, error: Exception | None) -> None:
        self._transport.abort()  # does nothing; but Python 3.10 would warn of a TLS transport that was never closed
        if error is not None:
            self._reason = self._reason or words(error)
        self._lose()
        if not self._ended.done():
            self._ended.set_result(None)

    def _give_up(self) -> None:
        """Abort this connection: later requests go over the next one."""
        self._transport.abort()
        self._lose()

    def _lose(self) -> None:
        if self.lost:
            return
        self.lost = True
        self.resume_writing()
        for future in list(self._futures):
            if not future.done():
                future.set_exception(LinkLostError(self.why))
        self._on_lost(self)

    def _flush(self) -> None:
        if self._outgoing and not self._transport.is_closing():
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()


def _resolve(future: asyncio.Future[bytes], first: Taker | None, line: bytes) -> None:
    if first is not None:
        first(line)
    if not future.done():
        future.set_result(line)


async def connect(
    address: Address, link: Callable[[], Link], tls: ssl.SSLContext | None, seconds: float, *, patient: bool
) -> Link:
    """A connection to the server. ``patient``: a request may take longer than SILENCE_SECONDS_MAX.

    Raises ConnectionLostError, which says where to and why not.
    """
    context = (tls or ssl.create_default_context()) if address.tls else None
    try:
        return await asyncio.wait_for(_connect(address, link, context, patient), seconds)
    except (TimeoutError, asyncio.TimeoutError):
        raise ConnectionLostError(f"no connection to {address}: no answer within {seconds:g} s") from None
    except (OSError, UnicodeError) as error:
        raise ConnectionLostError(f"no connection to {address}: {words(error)}") from error


async def _connect(address: Address, link: Callable[[], Link], context: ssl.SSLContext | None, patient: bool) -> Link:
    loop = asyncio.get_running_loop()
    connected = await dial(address)
    keep_alive(connected, busy=not patient)
    if address.path:
        _, made = await loop.create_unix_connection(link, sock=connected)
    else:
        name = address.host if context is not None else None
        _, made = await loop.create_connection(link, sock=connected, ssl=context, server_hostname=name)
    return made


def words(error: Exception) -> str:
    """Without numbers and addresses, which asyncio adds."""
    if isinstance(error, ssl.SSLCertVerificationError):
        way_out = _TRUST if error.verify_code in _UNTRUSTED else ""
        return f"TLS: the server's certificate is refused: {error.verify_message}{way_out}"
    if isinstance(error, ssl.SSLError):
        why = f"TLS: {error.reason or error}"
        return f"{why} (does the server talk TLS there?)" if error.reason == "WRONG_VERSION_NUMBER" else why
    if isinstance(error, OSError):
        # For a host with several addresses asyncio has only text, with the error number of each address.
        numbers = [error.errno] if error.errno else [int(found) for found in _NUMBERS.findall(str(error))]
        told = dict.fromkeys(_REFUSED if number == errno.ECONNREFUSED else os.strerror(number) for number in numbers)
        if told and min(numbers) > 0:  # those of the resolver are negative
            return "; ".join(told)
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def keep_alive(connected: socket.socket, *, busy: bool) -> None:
    """Notice within half a minute that the server's machine is gone; where ``busy``, also while it has requests to
    take, for which the system alone has a quarter of an hour's patience. Then a server that reads nothing for so long
    is given up, too: that is for those whose requests have timed out by then."""
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    options = [
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_SECONDS),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_SECONDS),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
    ]
    if busy:
        options.append(("TCP_USER_TIMEOUT", SILENCE_SECONDS_MAX * 1_000))
    with contextlib.suppress(OSError):  # some systems refuse where the peer has closed it already
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in options:
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
