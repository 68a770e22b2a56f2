"""A connection that stays open and is dead: a proxy that has lost the server, a server that stands still."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

import fluxdb
from fluxdb import ConnectionLostError, RequestTimeoutError
from tests.support.odd_peer import odd_peer
from tests.support.small_server import SmallServer

PATIENCE_SECONDS = 60


class Proxy:
    """Takes connections to ``port``. After deafen(), those that there are stay open and carry nothing."""

    def __init__(self, listening: socket.socket, port: int) -> None:
        self._listening = listening
        self._port = port
        self._deaf: set[int] = set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.url = f"fluxdb://127.0.0.1:{listening.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._start(self._serve)

    def deafen(self) -> None:
        self._deaf.update(range(len(self._pairs)))

    @property
    def taken(self) -> int:
        return len(self._pairs)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(PATIENCE_SECONDS)
        ends = [end for pair in self._pairs for end in pair]
        for each in ends:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        for each in ends:
            each.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                number = len(self._pairs)
                self._pairs.append((near, far))
                for source, sink in ((near, far), (far, near)):
                    self._start(self._carry, number, source, sink)

    def _carry(self, number: int, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if number not in self._deaf:
                    sink.sendall(data)
            if number not in self._deaf:
                sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(server: SmallServer) -> Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = Proxy(listening, server.port)
        yield proxy
        proxy.close()


def test_the_request_behind_one_that_timed_out_in_silence_has_a_new_connection(proxy: Proxy) -> None:
    with fluxdb.open(proxy.url, timeout=1) as db:
        db.set("a", 1)
        proxy.deafen()
        with pytest.raises(RequestTimeoutError):
            db.get("a")
        assert db.set("a", 2) == 2
        assert proxy.taken == 2


def test_writes_on_their_way_over_a_dead_connection_may_have_been_made(proxy: Proxy) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(proxy.url, timeout=2) as db:
            proxy.deafen()
            first = asyncio.ensure_future(db.set("a", 1))
            await asyncio.sleep(0.5)
            second = asyncio.ensure_future(db.set("b", 1))
            with pytest.raises(RequestTimeoutError) as timed_out:
                await first
            with pytest.raises(ConnectionLostError, match="nothing came from the server") as lost:
                await second
            assert timed_out.value.maybe_applied
            assert lost.value.maybe_applied

    asyncio.run(main())


def test_a_time_out_keeps_a_connection_on_which_something_came(server: SmallServer) -> None:
    """Events, or replies to others: the server is alive, and slow with this one."""

    def answer(line: bytes, request_id: bytes) -> bytes:
        if b'"ping"' in line:
            return b'{"kind":"event","event":{"key":"z","old":null,"new":1,"version":1,"op":"set","revision":1}}\n'
        return b""

    async def main(url: str) -> None:
        async with fluxdb.aio.open(url, timeout=1) as db:
            link = db.handle._line.live  # type: ignore[attr-defined]
            asked = asyncio.ensure_future(db.get("a"))
            await asyncio.sleep(0.1)
            pinged = asyncio.ensure_future(db.ping())
            with pytest.raises(RequestTimeoutError):
                await asked
            assert not link.lost
            pinged.cancel()

    with odd_peer(answer) as url:
        asyncio.run(main(url))


def test_a_silent_subscription_over_a_dead_connection_is_told_and_goes_on(proxy: Proxy) -> None:
    with fluxdb.open(proxy.url, heartbeat_seconds=0.3) as db, db.subscribe("a") as events:
        proxy.deafen()
        with pytest.raises(ConnectionLostError, match=r"nothing came from the server within 0\.3 s of a ping"):
            events.get(PATIENCE_SECONDS)
        assert db.set("a", 1) == 1
        event = events.get(PATIENCE_SECONDS)
        assert event is not None
        assert event.new == 1


def test_an_awaited_subscription_has_a_heartbeat_too(proxy: Proxy) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(proxy.url, heartbeat_seconds=0.3) as db, db.subscribe("a") as events:
            proxy.deafen()
            with pytest.raises(ConnectionLostError, match="of a ping"):
                await events.get(PATIENCE_SECONDS)

    asyncio.run(main())


def test_pings_are_sent_in_silence_only_while_keys_are_watched(server: SmallServer) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(server.url, heartbeat_seconds=0.05) as db:
            await asyncio.sleep(0.3)
            assert server.lines_seen.count(b'"ping"') == 1  # with which it began
            async with db.subscribe("a"):
                while server.lines_seen.count(b'"ping"') < 4:
                    await asyncio.sleep(0.01)
            await db.ping()
            await asyncio.sleep(0.2)
            seen = server.lines_seen.count(b'"ping"')
            await asyncio.sleep(0.3)
            assert server.lines_seen.count(b'"ping"') == seen
        assert server.accepted == 1

    asyncio.run(asyncio.wait_for(main(), PATIENCE_SECONDS))


def test_a_reply_that_takes_long_is_no_silence(server: SmallServer) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(server.url, heartbeat_seconds=0.05, timeout=None) as db, db.subscribe("a"):
            server.silent = True
            asked = asyncio.ensure_future(db.checkpoint())
            await asyncio.sleep(0.5)
            server.silent = False
            assert await asked >= 0
        assert server.accepted == 1

    asyncio.run(asyncio.wait_for(main(), PATIENCE_SECONDS))


@pytest.mark.parametrize("seconds", [0, None])
def test_a_heartbeat_can_be_switched_off(server: SmallServer, seconds: float | None) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(server.url, heartbeat_seconds=seconds) as db, db.subscribe("a"):
            assert db.handle._line._heartbeat._timer is None  # type: ignore[attr-defined]

    asyncio.run(main())


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_heartbeat_is_a_number_of_seconds(seconds: float) -> None:
    with pytest.raises(ValueError, match="heartbeat_seconds is"):
        fluxdb.open("fluxdb://127.0.0.1:1", heartbeat_seconds=seconds)
