"""The server: many clients of one event loop, over one engine.

    server = Server(engine, limits=ServerLimits(), password=None)
    server.listen(listen_tcp("127.0.0.1", 7000))
    ...
    await server.close()  # before the engine

Writes and GETs never come here: the compiled core takes them to the committer, and sends their replies once they are
durable. Here is what is rare: subscriptions, snapshots, info, passwords; and who comes and goes. Clients without TLS
are served by a thread of the core (plain_clients), those with TLS by this event loop (protocol).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import sys
from dataclasses import asdict
from functools import partial
from typing import Any

from fluxdb._core.reactor.reactor import Reactor
from fluxdb._core.serve.sans_io import Hub
from fluxdb.engine.local.engine import Engine
from fluxdb.limits import DEFAULT_SERVER_LIMITS, ServerLimits, WebLimits, check_served
from fluxdb.net import lines
from fluxdb.net.answers import Answers
from fluxdb.net.clients import PlainClients
from fluxdb.net.disk_watch import DiskWatch
from fluxdb.net.listener import Listener
from fluxdb.net.protocol import ClientProtocol
from fluxdb.net.send_buffer import bound_send_buffer
from fluxdb.net.service import Service

logger = logging.getLogger("fluxdb.server")

TICK_SECONDS = 1.0
HANDSHAKE_SECONDS = 10.0
KEEPALIVE_IDLE_SECONDS = 60
KEEPALIVE_INTERVAL_SECONDS = 15
KEEPALIVE_PROBES = 4
HAS_REACTOR = sys.platform == "linux"


class Server(Service[ClientProtocol]):
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
        self._tls = tls
        self._adopting: set[asyncio.Task[None]] = set()  # in their handshake
        self._listeners: list[Listener] = []
        self._disk_watch = DiskWatch(engine)
        self.answer = Answers(self, self.loop).answer
        self.plain = PlainClients(self) if HAS_REACTOR else None
        self.loop.add_reader(self.hub.fd, self._on_hub)
        self._ticking = self.loop.call_later(TICK_SECONDS, self._on_tick)

    # Clients come and go

    def listen(self, listening: socket.socket) -> Listener:
        """Take the clients that come to this socket, and the socket."""
        listener = Listener(self.loop, listening, self._adopt)
        self._listeners.append(listener)
        return listener

    @property
    def connections(self) -> int:
        return len(self._clients) + len(self._adopting) + (len(self.plain) if self.plain else 0)

    @property
    def subscribers(self) -> int:
        looped = sum(len(client.subscriptions) for client in self._clients.values())
        return looped + (self.plain.subscribers if self.plain else 0)

    def _adopt(self, accepted: socket.socket, address: str) -> None:
        self.connections_total += 1
        if self.connections >= self.limits.connections_max:
            self.connections_refused += 1
            with accepted, contextlib.suppress(OSError):
                if self._tls_of(accepted) is None:
                    accepted.send(lines.too_many(self.limits.connections_max))
            return
        try:
            self._set_options(accepted)
            if self.plain is not None and self._tls_of(accepted) is None:
                self.plain.adopt(accepted, address)
                return
        except (OSError, MemoryError) as error:  # it has gone already
            logger.debug("%s: no connection was made: %s", address, type(error).__name__)
            accepted.close()
            return
        task = self.loop.create_task(self._connect(accepted, address))
        self._adopting.add(task)
        task.add_done_callback(partial(self._adopted, accepted))

    def _tls_of(self, accepted: socket.socket) -> ssl.SSLContext | None:
        return None if accepted.family == socket.AF_UNIX else self._tls

    def _adopted(self, accepted: socket.socket, task: asyncio.Task[None]) -> None:
        self._adopting.discard(task)
        if task.cancelled():  # perhaps before it began
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

    async def _connect(self, accepted: socket.socket, address: str) -> None:
        tls = self._tls_of(accepted)
        client = ClientProtocol(self, address, secure=tls is not None)
        client.adoption = asyncio.current_task()
        try:
            await self.loop.connect_accepted_socket(
                lambda: client, accepted, ssl=tls, ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None
            )
        except asyncio.CancelledError:
            client.give_up()
            raise
        except OSError as error:  # ssl.SSLError is an OSError
            logger.debug("%s: no connection was made: %s", address, type(error).__name__)
            accepted.close()
        except Exception:
            logger.exception("%s: no connection was made", address)
            accepted.close()

    def add(self, client: ClientProtocol) -> None:
        if client.adoption is not None:  # counted once: its task ends a moment later
            self._adopting.discard(client.adoption)
        super().add(client)

    # What is durable by now

    def _on_hub(self) -> None:
        for connection in self.hub.collect():
            client = self._clients.get(connection)
            if client is not None:
                client.pump()
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
        self.tick += 1
        self._ticking = self.loop.call_later(TICK_SECONDS, self._on_tick)
        first, idle = self.limits.first_line_seconds, self.limits.idle_seconds
        for client in list(self._clients.values()):
            connection = client.connection
            if connection.first_line or not connection.authenticated:
                if first and self.tick - client.born > first:
                    client.send_away(lines.unheard(first))
            elif idle and self.tick - client.tick > idle and not client.subscriptions and not connection.pending:
                client.send_away(lines.idle(idle))
        if self.plain is not None:
            self.plain.tick()
        # What waits in queues is unread, too. They are evicted for it, before clients are cut off.
        self.engine.notify.bound_queues(max(0, self.limits.unread_bytes_max - self._sent_unread_bytes()))
        self._disk_watch.look()

    def _sent_unread_bytes(self) -> int:
        """Out of the queues, and not read by the clients."""
        looped = sum(client.output_bytes for client in self._clients.values())
        return looped + (self.plain.reactor.unread_bytes if self.plain is not None else 0)

    # What can change

    def change_password(self, password: bytes) -> None:
        """Of a server that has one: ask new connections for this one. Who is in stays in."""
        assert self.password is not None
        self.password.change(password)

    # What is known

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
    def _counters(self) -> list[Hub | Reactor]:
        return [self.hub] if self.plain is None else [self.hub, self.plain.reactor]

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """By kind of request, "invalid" for what could not be read: how many were answered, how many refused."""
        total = dict.fromkeys(self.hub.counts, (0, 0))
        for counter in self._counters:
            for kind, (answered, refused) in counter.counts.items():
                total[kind] = (total[kind][0] + answered, total[kind][1] + refused)
        return total

    @property
    def durations(self) -> list[dict[str, tuple[int, list[int]]]]:
        """To be added up: how long requests took, as of Hub."""
        return [counter.durations for counter in self._counters]

    def totals(self) -> dict[str, int]:
        """Of all clients: how many are paused (their requests wait); bytes that wait: input_bytes to be taken apart,
        held_bytes of replies to go in their turn, output_bytes to be sent."""
        totals = {"paused": 0, "input_bytes": 0, "held_bytes": 0, "output_bytes": 0}
        for client in self._clients.values():
            totals["paused"] += client.paused
            totals["input_bytes"] += client.connection.unread_bytes
            totals["held_bytes"] += client.connection.held_bytes
            totals["output_bytes"] += client.output_bytes
        if self.plain is not None:
            for name, number in self.plain.reactor.totals().items():
                totals[name] += number
        return totals

    # The end

    def stop_listening(self) -> None:
        """Accept no more. Idempotent."""
        for listener in self._listeners:
            listener.close()

    async def close(self) -> None:
        """Accept no more, answer what is on its way, for drain_seconds at most; then let go of all. Idempotent."""
        if self.closing:
            return
        self.closing = True
        self.stop_listening()
        for task in self._adopting:
            task.cancel()
        for client in list(self._clients.values()):
            client.drain()
        if self.plain is not None:
            self.plain.reactor.drain()
        deadline = self.loop.time() + self.limits.drain_seconds
        while self.connections and await self._wait_for_one(deadline - self.loop.time()):
            pass
        self.hurry()
        while self.connections:  # until their connection_lost was called
            await self._wait_for_one(1.0)
        self._ticking.cancel()
        self._disk_watch.look()  # what went wrong since the last tick is not lost with it
        if self.plain is not None:
            self.plain.close()
        self.loop.remove_reader(self.hub.fd)
        self.hub.close()

    async def _wait_for_one(self, seconds: float) -> bool:
        self._gone.clear()
        try:
            await asyncio.wait_for(self._gone.wait(), max(0.0, min(seconds, 0.1)))
        except asyncio.TimeoutError:
            return seconds > 0
        return True

    def hurry(self) -> None:
        """While close() waits for clients: wait no more."""
        for client in list(self._clients.values()):
            client.abort()
        if self.plain is not None:
            self.plain.reactor.abort()
