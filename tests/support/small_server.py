"""A small server over the compiled protocol: a peer that misbehaves on request. It runs in a separate thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

import fluxdb
from fluxdb._core.commit.channel import Channel
from fluxdb._core.serve.sans_io import Connection, Hub
from fluxdb.engine.local.engine import Engine
from fluxdb.engine.local.subscribers import ThreadSubscriber
from fluxdb.limits import DEFAULT_LIMITS, Limits
from fluxdb.model import OPERATION_OF

PATIENCE_SECONDS = 60


class SmallServer:
    """``port`` to connect to. The faults are plain attributes, and count from when they are set."""

    def __init__(self, path: Path, password: str | None = None, limits: Limits = DEFAULT_LIMITS) -> None:
        self.password = password
        self.reply_bytes_until_cut: int | None = None  # the connection is cut in the middle of its replies
        self.silent = False  # replies are held back
        self.piece_bytes: int | None = None  # replies are sent in pieces of this size
        self.port = 0
        self.accepted = 0
        self.lines_seen = b""
        self._db = fluxdb.open(path, limits=limits)
        self._loop = asyncio.new_event_loop()
        self._clients: set[_Client] = set()
        self._server: asyncio.Server | None = None
        assert isinstance(self._db.handle, Engine)
        self.engine = self._db.handle
        self._thread = threading.Thread(target=self._loop.run_forever, name="small-server", daemon=True)
        self._thread.start()
        self._run(self._begin())
        self.start()

    @property
    def url(self) -> str:
        return f"fluxdb://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._run(self._listen())

    def stop(self) -> None:
        """Refuse connections, and cut those that there are, as a server that is killed."""
        self._run(self._stop())

    def cut(self) -> None:
        """Cut all connections. New ones are taken."""
        self._run(self._cut())

    def close(self) -> None:
        self.stop()
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()
        self._db.close()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_SECONDS)

    async def _begin(self) -> None:
        self.hub = Hub(Channel(self.engine._database.committer))
        self._loop.add_reader(self.hub.fd, self._collect)

    async def _end(self) -> None:
        self._loop.remove_reader(self.hub.fd)
        self.hub.close()

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(lambda: _Client(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _cut(self) -> None:
        for client in list(self._clients):
            client.transport.abort()
        while self._clients:
            await asyncio.sleep(0.001)

    def _collect(self) -> None:
        ready = set(self.hub.collect())
        for client in list(self._clients):
            if client.connection in ready:
                client.pump()
        self.engine.notify.dispatch()


class _Client(asyncio.Protocol):
    def __init__(self, server: SmallServer) -> None:
        self.server = server
        self.connection = Connection(server.hub, line_bytes_max=1 << 26, authenticated=server.password is None)
        self.watched: dict[str, ThreadSubscriber] = {}
        self.following = asyncio.get_running_loop().create_task(self.follow())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.accepted += 1
        self.server._clients.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.connection.close()
        self.following.cancel()
        for subscriber in self.watched.values():
            subscriber.close()
        self.server._clients.discard(self)

    def data_received(self, data: bytes) -> None:
        self.server.lines_seen += data
        self.connection.feed(data)
        self.pump()

    def pump(self) -> None:
        while (asked := self.connection.next_request()) is not None:
            ticket, kind, id_, key, password = asked
            reply = self.answer(kind, key, password)
            if id_:
                reply["id"] = orjson.loads(id_)
            self.connection.reply(ticket, orjson.dumps(reply) + b"\n")
        self.send()

    def answer(self, kind: str, key: str | None, password: bytes | None) -> dict[str, Any]:
        if kind == "auth":
            if (password or b"").decode() != self.server.password:
                return {"kind": "error", "code": "auth", "message": "wrong password"}
            self.connection.authenticated = True
        elif kind == "subscribe":
            assert key is not None
            try:
                if key not in self.watched:
                    self.watched[key] = self.server.engine.subscribe([key])
            except fluxdb.FluxDBError as error:
                return {"kind": "error", "code": error.code, "message": str(error)}
            return {"kind": "subscribed", "key": key, "revision": self.watched[key].after_revision}
        elif kind == "unsubscribe":
            self.watched.pop(key or "").close()
        elif kind == "info":
            return {"kind": "info", "info": self.server.engine.info()}
        elif kind == "snapshot":
            return {"kind": "ok", "revision": self.server.engine.checkpoint()}
        return {"kind": "ok"}

    async def follow(self) -> None:
        while True:
            told = []
            for subscriber in list(self.watched.values()):
                while (event := subscriber.take()) is not None:
                    told.append(event)
            for event in sorted(told, key=lambda event: event[5]):
                self.connection.push(event_line(event))
            self.send()
            await asyncio.sleep(0.002)

    def send(self) -> None:
        server = self.server
        if server.silent:
            return
        data = self.connection.take()
        if server.reply_bytes_until_cut is not None and data:
            self.transport.write(data[: server.reply_bytes_until_cut])
            server.reply_bytes_until_cut -= len(data)
            if server.reply_bytes_until_cut <= 0:
                server.reply_bytes_until_cut = None
                self.transport.close()
            return
        step = server.piece_bytes or len(data) or 1
        for at in range(0, len(data), step):
            self.transport.write(data[at : at + step])


def event_line(event: Any) -> bytes:
    kind, key, old, new, version, revision, _ = event
    head = b'{"kind":"event","event":{"key":%b,"old":%b,"new":%b' % (orjson.dumps(key), old or b"null", new or b"null")
    tail = (version, OPERATION_OF[kind].encode(), revision)
    return head + b',"version":%d,"op":"%b","revision":%d}}\n' % tail


@contextlib.contextmanager
def small_server(path: Path, password: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Iterator[SmallServer]:
    server = SmallServer(path, password, limits)
    try:
        yield server
    finally:
        server.close()
