"""The server: many clients of one event loop, over one engine.

    server = Server(engine, limits=ServerLimits(), password=None)
    server.listen(listen_tcp("127.0.0.1", 7000))
    ...
    await server.close()  # before the engine

Writes and GETs never come here: the compiled reactor takes them to the committer, and sends their replies once they
are durable. Here is what is rare: who comes and goes, and time. Bytes of clients with TLS go through a pump (tls).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from dataclasses import asdict
from typing import Any

from fluxdb._core.commit.channel import Channel
from fluxdb.engine.local.engine import Engine
from fluxdb.limits import DEFAULT_SERVER_LIMITS, ServerLimits, WebLimits, check_served
from fluxdb.net import lines
from fluxdb.net.answers import Answers
from fluxdb.net.clients import Clients
from fluxdb.net.disk_watch import DiskWatch
from fluxdb.net.listener import Listener
from fluxdb.net.send_buffer import bound_send_buffer
from fluxdb.net.service import Service
from fluxdb.net.tls import TlsClients

logger = logging.getLogger("fluxdb.server")

TICK_SECONDS = 1.0
KEEPALIVE_IDLE_SECONDS = 60
KEEPALIVE_INTERVAL_SECONDS = 15
KEEPALIVE_PROBES = 4


class Server(Service):
    """To be made and used in the thread of a running event loop. The engine stays its maker's.

    Raises ValueError where the limits don't fit those of the engine's database.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        limits: ServerLimits = DEFAULT_SERVER_LIMITS,
        password: bytes | None = None,
        tls: ssl.SSLContext | None = None,
        web_limits: WebLimits | None = None,  # where there is a live page, too: to be shown
        version: str = "",
    ) -> None:
        check_served(engine.limits, limits, web_limits)
        super().__init__(engine, limits, password)
        self.version = version
        self.connections_total = 0
        self.connections_refused = 0
        self._limits_shown = asdict(limits) | (web_limits.as_settings() if web_limits else {})
        self._listeners: list[Listener] = []
        self._disk_watch = DiskWatch(engine)
        self.answer = Answers(self, self.loop).answer
        self.clients = Clients(self)
        self.count = self.clients.reactor.count
        self._tls: TlsClients | None = None
        if tls is not None:
            self._tls = TlsClients(self.loop, tls, self.clients.adopt, self.note_gone, limits.send_buffer_bytes)
        self._commits = Channel(engine.committer)  # rings when events wait
        self.loop.add_reader(self._commits.fd, self._on_commit)
        self._ticking = self.loop.call_later(TICK_SECONDS, self._on_tick)

    # Clients come and go

    def listen(self, listening: socket.socket) -> Listener:
        """Take the clients that come to this socket, and the socket."""
        listener = Listener(self.loop, listening, self._adopt)
        self._listeners.append(listener)
        return listener

    @property
    def connections(self) -> int:
        return self.clients.direct + (len(self._tls) if self._tls is not None else 0)

    @property
    def subscribers(self) -> int:
        return self.clients.subscribers

    def _adopt(self, accepted: socket.socket, address: str) -> None:
        tls = None if accepted.family == socket.AF_UNIX else self._tls
        self.connections_total += 1
        if self.connections >= self.limits.connections_max:
            self.connections_refused += 1
            with accepted, contextlib.suppress(OSError):
                if tls is None:
                    accepted.send(lines.too_many(self.limits.connections_max))
            return
        try:
            self._set_options(accepted)
            if tls is None:
                self.clients.adopt(accepted, address)
            else:
                tls.accept(accepted, address)
        except (OSError, MemoryError) as error:  # it has gone already
            logger.debug("%s: no connection was made: %s", address, type(error).__name__)
            accepted.close()

    def _set_options(self, accepted: socket.socket) -> None:
        bound_send_buffer(accepted, self.limits.send_buffer_bytes)
        if accepted.family == socket.AF_UNIX:
            return
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            ("TCP_KEEPIDLE", KEEPALIVE_IDLE_SECONDS),
            ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_SECONDS),
            ("TCP_KEEPCNT", KEEPALIVE_PROBES),
        ):
            if hasattr(socket, option):
                accepted.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)

    # Writes that are durable by now

    def _on_commit(self) -> None:
        self._commits.collect()
        self._tell()

    def _tell(self) -> None:
        """A piece of what has been committed; the next one after the others in the loop have had their turn."""
        more = True
        try:
            more = self.engine.notify.dispatch()
        finally:
            if more:
                self.loop.call_soon(self._tell)

    # Time

    def _on_tick(self) -> None:
        self._ticking = self.loop.call_later(TICK_SECONDS, self._on_tick)
        self.clients.tick()
        # Events in queues are unread too. They are evicted before clients are disconnected.
        unread_bytes = self.clients.reactor.unread_bytes
        self.engine.notify.bound_queues(max(0, self.limits.unread_bytes_max - unread_bytes))
        self._disk_watch.look()

    # Changes at run time

    def change_password(self, password: bytes) -> None:
        """Replace the password if the server has one: new connections need it. Open connections stay."""
        assert self.password is not None
        self.password.change(password)

    # Facts

    def info(self) -> dict[str, Any]:
        """State, counters, limits: the engine's, and the server's. Raises ClosedError."""
        return {
            **super().info(),
            "server": {
                "version": self.version,
                "connections": self.connections,
                "connections_total": self.connections_total,
                "connections_refused": self.connections_refused,
                "subscriptions": self.subscribers,
                "commands": {kind: answered + refused for kind, (answered, refused) in self.counts.items()},
                "waiting": self.totals(),
                "limits": self._limits_shown,
            },
        }

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """By kind of request, "invalid" for what could not be read: how many were answered, how many refused."""
        return self.clients.reactor.counts

    @property
    def durations(self) -> dict[str, tuple[int, list[int]]]:
        """How long requests took, as of Reactor."""
        return self.clients.reactor.durations

    def totals(self) -> dict[str, int]:
        """Return the bytes that wait, over all clients, as Reactor counts them."""
        return self.clients.reactor.totals()

    # The end

    def stop_listening(self) -> None:
        """Accept no more. Idempotent."""
        for listener in self._listeners:
            listener.close()

    async def close(self) -> None:
        """Accept no more, answer pending requests for at most drain_seconds; then release everything. Idempotent."""
        if self.closing:
            return
        self.closing = True
        self.stop_listening()
        if self._tls is not None:
            self._tls.drain()
        self.clients.reactor.drain()
        deadline = self.loop.time() + self.limits.drain_seconds
        while self._left and await self._wait_for_one(deadline - self.loop.time()):
            pass
        self.abort()
        while self._left:  # until the reactor has told of each
            await self._wait_for_one(1.0)
        self._ticking.cancel()
        self._disk_watch.look()  # what went wrong since the last tick is not lost with it
        self.clients.close()
        self.loop.remove_reader(self._commits.fd)
        self._commits.close()

    @property
    def _left(self) -> int:
        """Number of clients, and of sockets of the reactor whose clients have gone."""
        return self.connections + len(self.clients)

    async def _wait_for_one(self, seconds: float) -> bool:
        self._gone.clear()
        try:
            await asyncio.wait_for(self._gone.wait(), max(0.0, min(seconds, 0.1)))
        except asyncio.TimeoutError:
            return seconds > 0
        return True

    def abort(self) -> None:
        """While close() waits for clients: wait no more."""
        if self._tls is not None:
            self._tls.abort()
        self.clients.reactor.abort()
