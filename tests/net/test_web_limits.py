"""The bounds of the live page's server."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage

from fluxdb.limits import WEB_RANGES, Limits, WebLimits
from tests.net.web_client import Site, ask, run

VALUE = b'"' + b"x" * 60_000 + b'"'


def test_g8_a_client_that_does_not_read_is_evicted_and_told_and_can_begin_again(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        narrow = socket.create_connection(("127.0.0.1", site.web.port))
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        async with site.connect(sock=narrow, max_queue=1) as watcher:
            await ask(watcher, type="subscribe", key="k")
            for _ in range(100):  # 6 MB, and nobody reads
                await site.engine.set("k", VALUE)
            revisions = []
            while (message := json.loads(await watcher.recv()))["type"] == "event":
                revisions.append(message["data"]["revision"])
            assert revisions == list(range(1, len(revisions) + 1))
            assert message["type"] == "evicted"
            assert message["data"] == {"kind": "evicted", "key": "k", "last_revision": revisions[-1]}
            assert len(revisions) < 100
            assert site.web.subscribers == 0

            await ask(watcher, type="subscribe", key="k")
            await site.engine.set("k", b"1")
            assert json.loads(await watcher.recv())["data"]["version"] == 101

    bounds = WebLimits(send_buffer_bytes=8192, output_bytes_max=8192)
    run(tmp_path, test, Limits(subscriber_events_max=8), limits=bounds)


def test_g11_a_message_that_is_too_large_closes_the_connection(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as client:
            with pytest.raises(ConnectionClosed):
                await ask(client, type="set", key="k", value="x" * 5_000)
            assert client.close_code == 1009
            assert client.close_reason == "a message has more than 4096 bytes (web_message_bytes_max)"
        assert await site.engine.get_text("k") is None

    run(tmp_path, test, limits=WebLimits(message_bytes_max=4096))


def test_g11_subscriptions_of_a_connection_are_bounded(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as client:
            for key in "aba":
                assert (await ask(client, type="subscribe", key=key))["type"] == "subscribe_response"
            assert (await ask(client, type="subscribe", key="c"))["code"] == "too_large"
            await ask(client, type="unsubscribe", key="a")
            assert (await ask(client, type="subscribe", key="c"))["type"] == "subscribe_response"

    run(tmp_path, test, limits=WebLimits(subscriptions_max=2))


def test_g11_connections_are_bounded_those_that_say_nothing_too(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as client:
            await ask(client, type="get", key="k")
            silent = await asyncio.open_connection("127.0.0.1", site.web.port)
            with pytest.raises((InvalidMessage, OSError, EOFError)):
                await site.connect()
            assert (await ask(client, type="get", key="k"))["type"] == "get_response"
            silent[1].close()

    run(tmp_path, test, limits=WebLimits(connections_max=2))


def test_a_connection_that_never_shakes_hands_is_closed(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.web.port)
        writer.write(b"GET /ws HTTP/1.1\r\nHost: 127")
        await reader.read()
        writer.close()

    run(tmp_path, test, limits=WebLimits(handshake_seconds_max=0.2))


@pytest.mark.parametrize("name", WEB_RANGES)
def test_g11_each_bound_has_a_range(name: str) -> None:
    low, high = WEB_RANGES[name]
    for value in (low, high):
        assert getattr(WebLimits(**{name: value}), name) == value  # type: ignore[arg-type]
    for wrong in (low - 1, high + 1, "1", True, float("nan")):
        with pytest.raises(ValueError, match=name):
            WebLimits(**{name: wrong})  # type: ignore[arg-type]
