"""The live page's server: the page over HTTP and its WebSocket, on one port.

    web = await start_web(engine, "127.0.0.1", 8080)
    ...
    await web.close()  # before the engine

Errors of the library (broken handshakes, lost connections) are the business of the logger ``fluxdb.web.protocol``,
which is silent unless its level is set.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from fluxdb.engine.local.loop import LoopEngine
from fluxdb.errors import FluxDBError
from fluxdb.limits import DEFAULT_SERVER_LIMITS, DEFAULT_WEB_LIMITS, WebLimits
from fluxdb.net.send_buffer import bound_send_buffer
from fluxdb.net.web.access import Access, is_loopback
from fluxdb.net.web.http import HttpSite, method_refusal
from fluxdb.net.web.session import Count, Session, count_nothing, peer_of

protocol_logger = logging.getLogger("fluxdb.web.protocol")
if protocol_logger.level == logging.NOTSET:
    protocol_logger.setLevel(logging.CRITICAL + 1)


class WebServer:
    """A live page that is being served."""

    def __init__(self, engine: LoopEngine, access: Access, limits: WebLimits, count: Count, *, secure: bool) -> None:
        self._engine = engine
        self._access = access
        self._limits = limits
        self._count = count
        self._secure = secure
        self._sessions: dict[Session, asyncio.Task[Any]] = {}
        self._connections: set[ServerConnection] = set()  # those that are no WebSocket (yet) too
        self._gone = asyncio.Event()  # whenever a connection went
        self._closing = False
        self._server: Server | None = None
        self.host = ""
        self.port = 0

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._secure else 'http'}://{host}:{self.port}/"

    @property
    def connections(self) -> int:
        """WebSockets that are open."""
        return len(self._sessions)

    @property
    def subscribers(self) -> int:
        return sum(session.subscriptions for session in self._sessions)

    def change_password(self, password: str) -> None:
        """Replace the password if the page has one: new connections need it. Open connections stay."""
        self._access.change_password(password)

    def stop_listening(self) -> None:
        """Take no more connections. Idempotent."""
        self._closing = True
        if self._server is not None:
            # Not the library's own close(): it waits for connections that never said a word.
            self._server.server.close()

    async def close(self, drain_seconds: float = DEFAULT_SERVER_LIMITS.drain_seconds) -> None:
        """Take no more connections, finish the request of each one and tell it, for drain_seconds at most; then let go
        of all. Idempotent."""
        self.stop_listening()
        for connection in list(self._connections):
            if connection.request is None:
                connection.transport.abort()
        ending = [asyncio.create_task(session.end()) for session in self._sessions]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + drain_seconds
        while self._connections and (left := deadline - loop.time()) > 0:
            await self._wait_for_one(left)
        self.abort()
        while self._connections:  # until their connection_lost was called
            await self._wait_for_one(1.0)
        for task in self._sessions.values():  # perhaps in a write that a disk holds up
            task.cancel()
        while self._sessions:
            await self._wait_for_one(1.0)
        await asyncio.gather(*ending)

    async def _wait_for_one(self, seconds: float) -> None:
        self._gone.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._gone.wait(), seconds)

    def abort(self) -> None:
        """While close() waits for connections: wait no more."""
        for connection in list(self._connections):
            connection.transport.abort()

    async def _serve(self, connection: ServerConnection) -> None:
        session = Session(connection, self._engine, self._access, self._limits, self._count)
        task = asyncio.current_task()
        assert task is not None
        self._sessions[session] = task
        try:
            await session.run()
        finally:
            del self._sessions[session]
            self._gone.set()

    def _bounded_connection(self) -> type[ServerConnection]:
        web, limits = self, self._limits

        class BoundedConnection(ServerConnection):
            """Counted from its first byte on, not from its handshake; with little unsent in the system."""

            _begun = False  # something has come
            _refused = False  # all else that comes is passed over, until the time for the handshake is over

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                self.protocol.fail = partial(_fail, self.protocol.fail, limits)  # type: ignore[method-assign]
                web._connections.add(self)
                raw = transport.get_extra_info("socket")
                if raw is not None:
                    bound_send_buffer(raw, limits.send_buffer_bytes)
                if web._closing or len(web._connections) > limits.connections_max:
                    self.transport.abort()

            def data_received(self, data: bytes) -> None:
                refusal = None if self._begun else method_refusal(data)
                self._begun = True
                if refusal is not None:
                    self._refused = True
                    self.transport.write(refusal)
                    if self.transport.can_write_eof():  # a close while it sends its body could cost it the answer
                        self.transport.write_eof()
                    else:
                        self.transport.close()
                elif not self._refused:
                    super().data_received(data)

            def connection_lost(self, exc: Exception | None) -> None:
                web._connections.discard(self)
                web._gone.set()
                super().connection_lost(exc)

        return BoundedConnection


async def start_web(
    engine: LoopEngine,
    host: str,
    port: int,
    *,
    origins: Sequence[str] = (),
    password: str | None = None,
    tls: ssl.SSLContext | None = None,
    metrics: Callable[[], bytes] | None = None,
    problems: Callable[[], list[str]] | None = None,
    count: Count = count_nothing,
    limits: WebLimits = DEFAULT_WEB_LIMITS,
) -> WebServer:
    """Serve the live page of ``engine``, an engine of this event loop, until close(); port 0 picks one.

    ``origins``: of other pages that may open a WebSocket (``https://example.org``). ``metrics``: what ``/metrics``
    answers; ``problems``: why ``/healthz`` answers 503, none for 200; without them those pages are not there. ``count``
    is called for each answered message: its kind as the wire names it, "invalid" for none, and whether it was
    rejected.
    Raises FluxDBError for an address beyond this machine without a password, ValueError for an origin that is none,
    OSError where the address can't be bound.
    """
    if password is None and not is_loopback(host):
        raise FluxDBError(f"{host}: a live page that other machines reach needs a password")
    access = Access(host, origins, password)
    site = HttpSite(access, metrics, problems)
    web = WebServer(engine, access, limits, count, secure=tls is not None)

    def process_request(connection: ServerConnection, request: Request) -> Response | None:
        return site.answer(request, peer_of(connection))

    web._server = await serve(
        web._serve,
        host,
        port,
        process_request=process_request,
        create_connection=web._bounded_connection(),
        compression=None,  # the memory that it takes would not be bounded by ours
        max_size=limits.message_bytes_max,
        max_queue=limits.messages_waiting_max,
        write_limit=limits.output_bytes_max,
        open_timeout=limits.handshake_seconds_max,
        ping_interval=limits.ping_interval_seconds,
        ping_timeout=limits.ping_timeout_seconds,
        close_timeout=limits.close_seconds_max,
        server_header=None,
        logger=protocol_logger,
        ssl=tls,
        ssl_handshake_timeout=None if tls is None else limits.handshake_seconds_max,
    )
    web.host = host
    web.port = web._server.sockets[0].getsockname()[1]
    return web


def _fail(fail: Callable[[int, str], None], limits: WebLimits, code: int, reason: str = "") -> None:
    """Close a WebSocket. A message that is too large is closed with the name of the limit, which the client sees."""
    if code == CloseCode.MESSAGE_TOO_BIG:
        reason = f"a message has more than {limits.message_bytes_max} bytes (web_message_bytes_max)"
    fail(code, reason)
