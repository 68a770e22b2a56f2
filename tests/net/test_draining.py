"""A server that ends: who reads late, and speaks on meanwhile, has every reply."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from fluxdb.limits import ServerLimits
from tests.net.wire import Wire, threaded
from tests.support.certificates import make_certificate

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
