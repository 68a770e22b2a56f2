"""A server that ends: who reads late, and speaks on meanwhile, has every reply."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from fluxdb.engine.local.engine import Engine
from fluxdb.limits import DEFAULT_LIMITS, ServerLimits
from fluxdb.net.listener import listen_tcp
from fluxdb.net.server import Server
from fluxdb.storage.database import Database
from tests.net.wire import PATIENCE_SECONDS, Wire, threaded
from tests.support.certificates import make_certificate
from tests.support.loops import run_on

REPLIES = 250


@pytest.mark.parametrize("secure", [False, True])
def test_what_a_client_says_to_a_server_that_ends_costs_it_no_reply(tmp_path: Path, secure: bool) -> None:
    serving = trusting = None
    if secure:
        certificate, key = make_certificate(tmp_path)
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(certificate, key)
        trusting = ssl.create_default_context(cafile=str(certificate))
    with threaded(tmp_path / "data", ServerLimits(drain_seconds=20), tls=serving) as server:
        with Wire(server.port, tls=trusting, receive_bytes=32768) as client:
            client.ask({"kind": "set", "key": "a", "value": "x" * 3_000})
            client.send(*[{"kind": "get", "key": "a"}] * REPLIES)
            server.until(lambda: server.server.counts["get"][0] == REPLIES)
            closing = server.call(lambda: asyncio.ensure_future(server.server.close()))
            server.until(lambda: server.server.closing)
            client.send({"kind": "ping"})
            assert [len(client.line()["doc"]["value"]) for _ in range(REPLIES)] == [3_000] * REPLIES
        server.until(closing.done)


def test_a_tls_client_that_is_lost_as_the_server_ends_is_no_error(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)

    async def lose_one() -> None:
        engine = Engine(Database.open(tmp_path / "data"), DEFAULT_LIMITS)
        server = Server(engine, tls=serving)
        port = server.listen(listen_tcp("127.0.0.1", 0)).port
        trusting = ssl.create_default_context(cafile=str(certificate))
        reader, writer = await asyncio.open_connection("localhost", port, family=socket.AF_INET, ssl=trusting)
        writer.write(b'{"kind":"ping"}\n')
        await reader.readline()
        (client,) = server._clients.values()
        writer.transport.abort()
        while client._transport.get_extra_info("socket") is not None:  # uvloop knows some turns before the client does
            await asyncio.sleep(0)
        await server.close()
        assert server.connections == 0
        engine.close()

    run_on("uvloop", asyncio.wait_for(lose_one(), PATIENCE_SECONDS))
