"""A server that ends while a client is connecting, on both kinds of event loops."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fluxdb.engine.local.engine import Engine
from fluxdb.limits import DEFAULT_LIMITS, ServerLimits
from fluxdb.net import server as server_module
from fluxdb.net.listener import listen_tcp
from fluxdb.net.protocol import ClientProtocol
from fluxdb.net.server import Server
from fluxdb.storage.database import Database
from tests.net.wire import PATIENCE_SECONDS
from tests.support.loops import LOOPS, run_on


@pytest.mark.parametrize("kind", LOOPS)
def test_a_client_that_connects_in_the_very_moment_of_the_end_does_not_hold_it_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(server_module, "HAS_REACTOR", False)

    async def connect_at_the_end() -> None:
        engine = Engine(Database.open(tmp_path / "data"), DEFAULT_LIMITS)
        server = Server(engine, limits=ServerLimits(drain_seconds=1))
        closing: list[asyncio.Task[None]] = []

        def add_and_end(client: ClientProtocol) -> None:  # before the one who connects it hears of that
            add(client)
            closing.append(asyncio.ensure_future(server.close()))

        add = server.add
        monkeypatch.setattr(server, "add", add_and_end)
        port = server.listen(listen_tcp("127.0.0.1", 0)).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        await closing[0]
        assert server.connections == 0
        writer.close()
        engine.close()

    run_on(kind, asyncio.wait_for(connect_at_the_end(), PATIENCE_SECONDS))
