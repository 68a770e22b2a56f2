"""A server that ends: who reads late, and speaks on meanwhile, has every reply."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fluxdb.limits import ServerLimits
from tests.net.wire import Wire, threaded

REPLIES = 250


def test_what_a_client_says_to_a_server_that_ends_costs_it_no_reply(tmp_path: Path) -> None:
    with threaded(tmp_path, ServerLimits(drain_seconds=3_600)) as server:
        with Wire(server.port, receive_bytes=32768) as client:
            client.ask({"kind": "set", "key": "a", "value": "x" * 3_000})
            client.send(*[{"kind": "get", "key": "a"}] * REPLIES)
            server.until(lambda: server.server.counts["get"][0] == REPLIES)
            closing = server.call(lambda: asyncio.ensure_future(server.server.close()))
            server.until(lambda: server.server.closing)
            client.send({"kind": "ping"})
            assert [len(client.line()["doc"]["value"]) for _ in range(REPLIES)] == [3_000] * REPLIES
        server.until(closing.done)
