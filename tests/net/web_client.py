"""A live page's server with a client, for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from fluxdb.engine.local.loop import LoopEngine
from fluxdb.limits import DEFAULT_LIMITS, Limits
from fluxdb.net.web.server import WebServer, start_web
from fluxdb.opening import open_engine
from tests.support.loops import run_on

TEST_SECONDS_MAX = 60

loop_kind = "asyncio"  # conftest.py sets it for tests of both


class Site:
    """A server and its engine."""

    def __init__(self, web: WebServer, engine: LoopEngine) -> None:
        self.web = web
        self.engine = engine

    def connect(self, path: str = "ws", **settings: Any) -> connect:
        return connect(self.web.url.replace("http", "ws", 1) + path, proxy=None, **settings)

    async def http(
        self, path: str, *, method: str = "GET", content: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body of the answer."""
        headers = {"Host": f"127.0.0.1:{self.web.port}"} | headers
        if content:
            headers |= {"Content-Length": str(len(content))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.web.port)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode() + content)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
            await writer.wait_closed()
        status, *rest = head.decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in rest)
        return int(status.split()[1]), {name.lower(): value for name, value in pairs}, body

    async def upgrade(self, path: str = "/ws", **headers: str) -> int:
        """The status with which a WebSocket is taken (101), or not."""
        head = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        head |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Host": f"127.0.0.1:{self.web.port}"} | headers
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.web.port)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode())
            return int((await reader.readline()).split()[1])
        finally:
            writer.close()
            await writer.wait_closed()


Test = Callable[[Site], Awaitable[None]]


@asynccontextmanager
async def serving(path: Path, engine_limits: Limits = DEFAULT_LIMITS, **settings: Any) -> AsyncIterator[Site]:
    engine = LoopEngine(open_engine(path, engine_limits), closes_engine=True)
    try:
        web = await start_web(engine, "127.0.0.1", settings.pop("port", 0), **settings)
        try:
            yield Site(web, engine)
        finally:
            await web.close()
    finally:
        await engine.close()


def run(
    path: Path, test: Callable[[Site], Awaitable[None]], engine_limits: Limits = DEFAULT_LIMITS, **settings: Any
) -> None:
    async def within() -> None:
        async with serving(path, engine_limits, **settings) as site:
            await asyncio.wait_for(test(site), TEST_SECONDS_MAX)

    run_on(loop_kind, within())


async def ask_text(socket: ClientConnection, message: str) -> str:
    """The next message after this one, as text."""
    await socket.send(message)
    reply = await socket.recv()
    assert isinstance(reply, str)
    return reply


async def ask(socket: ClientConnection, **members: Any) -> Any:
    return json.loads(await ask_text(socket, json.dumps(members)))
