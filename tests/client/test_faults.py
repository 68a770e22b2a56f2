"""Faults between client and server: they are reported honestly, and no reply ever goes to the wrong caller."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import fluxdb
from fluxdb import AuthError, ClosedError, ConnectionLostError, Document, RequestTimeoutError, VersionConflictError
from tests.support.small_server import SmallServer

PATIENCE_SECONDS = 30


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.002)


@pytest.mark.parametrize("seed", range(5))
def test_cancellation_at_any_point_never_shifts_replies(server: SmallServer, seed: int) -> None:
    chance = random.Random(seed)

    async def worker(db: fluxdb.aio.FluxDB, number: int, seen: list[int]) -> None:
        key = f"key {number}"
        for step in range(1_000_000):
            await db.set(key, [number, step])
            found = await db.get(key)
            assert found is not None
            assert found.value == [number, step]
            seen.append(number)

    async def main() -> None:
        seen: list[int] = []
        async with fluxdb.aio.open(server.url) as db:
            running = [asyncio.ensure_future(worker(db, number, seen)) for number in range(50)]
            for turn in range(150):
                place = chance.randrange(50)
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                running[place].cancel()
                running[place] = asyncio.ensure_future(worker(db, 50 + turn, seen))
            await asyncio.to_thread(until, lambda: len(seen) > 100)
            for task in running:
                assert not task.done() or task.exception() is None
                task.cancel()
            outcomes = await asyncio.gather(*running, return_exceptions=True)
            assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
            assert seen
            await db.set("last", "here")
            assert await db.get("last") == Document("here", 1)

    asyncio.run(main())


def test_100_tasks_are_pipelined_each_with_its_own_reply(server: SmallServer) -> None:
    server.piece_bytes = 11

    async def main() -> None:
        async with fluxdb.aio.open(server.url) as db:

            async def one(number: int) -> None:
                for step in range(10):
                    assert await db.set(f"k{number}", step) == step + 1
                    assert await db.get(f"k{number}") == Document(step, step + 1)

            await asyncio.gather(*map(one, range(100)))

    asyncio.run(main())
    assert server.accepted == 1


def test_16_threads_share_a_connection_each_with_its_own_replies(server: SmallServer) -> None:
    with fluxdb.open(server.url) as db, ThreadPoolExecutor(16) as pool:

        def one(number: int) -> None:
            for step in range(20):
                assert db.set(f"k{number}", step) == step + 1
                assert db.get(f"k{number}") == Document(step, step + 1)
                with pytest.raises(VersionConflictError) as caught:
                    db.set(f"k{number}", step, if_version=step)
                assert (caught.value.expected, caught.value.actual) == (step, step + 1)

        list(pool.map(one, range(16)))
    assert server.accepted == 1


def test_g5_a_write_whose_reply_was_cut_off_says_that_it_may_be_there(server: SmallServer) -> None:
    with fluxdb.open(server.url) as db:
        server.reply_bytes_until_cut = 5
        with pytest.raises(ConnectionLostError) as caught:
            db.set("k", 1)
        assert caught.value.maybe_applied
        assert db.get("k") == Document(1, 1)  # it is, and was sent once
    assert server.lines_seen.count(b'"kind":"set"') == 1


def test_a_read_whose_reply_was_cut_off_is_asked_again(server: SmallServer) -> None:
    with fluxdb.open(server.url) as db:
        db.set("k", 1)
        server.reply_bytes_until_cut = 5
        assert db.get("k") == Document(1, 1)
    assert server.accepted == 2


def test_all_who_wait_are_told_when_the_server_goes(server: SmallServer) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(server.url) as db:
            server.silent = True
            writes = [asyncio.ensure_future(db.set(f"k{number}", number)) for number in range(20)]
            reads = [asyncio.ensure_future(db.get(f"k{number}")) for number in range(20)]
            await asyncio.to_thread(until, lambda: server.lines_seen.count(b'"kind":"get"') >= 20)
            await asyncio.to_thread(server.stop)
            for outcome in await asyncio.gather(*writes, return_exceptions=True):
                assert isinstance(outcome, ConnectionLostError)
                assert outcome.maybe_applied
            for found in await asyncio.gather(*reads, return_exceptions=True):
                assert isinstance(found, ConnectionLostError)
                assert not found.maybe_applied
            with pytest.raises(ConnectionLostError, match="refused") as caught:
                await db.set("k", 1)
            assert not caught.value.maybe_applied
            server.silent = False
            await asyncio.to_thread(server.start)
            assert await db.get("k1") in (None, Document(1, 1))  # made, or not: nobody can know before

    asyncio.run(main())


def test_a_time_out_shifts_nothing_and_tells_of_writes_that_they_may_be_made(server: SmallServer) -> None:
    with fluxdb.open(server.url, timeout=0.2) as db:
        server.silent = True
        with pytest.raises(RequestTimeoutError) as caught:
            db.set("k", 1)
        assert caught.value.maybe_applied
        server.silent = False
        assert db.handle.get_text("k") == (b"1", 1)
        server.silent = True
        with pytest.raises(RequestTimeoutError) as caught:
            db.get("k")
        assert not caught.value.maybe_applied
        server.silent = False
        assert db.set("other", 2) == 1


def test_a_server_that_says_nothing_is_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"fluxdb://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectionLostError, match="nobody answers"):
            fluxdb.open(url, timeout=0.2)


def test_whoever_speaks_another_protocol_is_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.recv(1000)
            connection.close()

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(ConnectionLostError, match="no reply of a FluxDB server"):
            fluxdb.open(f"fluxdb://127.0.0.1:{other.getsockname()[1]}")
        answering.join(PATIENCE_SECONDS)


def test_the_password_is_asked_for_and_checked_at_the_opening(server: SmallServer) -> None:
    server.password = "se:cr@t"
    with pytest.raises(AuthError, match=r"127\.0\.0\.1:\d+ wants a password: the argument password of open"):
        fluxdb.open(server.url)
    with pytest.raises(AuthError, match=r"127\.0\.0\.1:\d+ did not take the password: wrong"):
        fluxdb.open(server.url, password="other")
    with fluxdb.open(server.url, password="se:cr@t") as db:
        db.set("k", 1)
        server.cut()
        assert db.get("k") == Document(1, 1)
    with fluxdb.open(server.url.replace("//", "//:se%3Acr%40t@")) as db:
        assert db.get("k") == Document(1, 1)


def test_a_closed_client_says_so(server: SmallServer) -> None:
    db = fluxdb.open(server.url)
    db.close()
    db.close()
    for call in (lambda: db.get("k"), lambda: db.set("k", 1), db.ping, lambda: db.subscribe("k")):
        with pytest.raises(ClosedError):
            call()


def test_closing_waits_for_the_writes_on_their_way(server: SmallServer) -> None:
    async def main() -> None:
        db = await fluxdb.aio.open(server.url)
        writes = [asyncio.ensure_future(db.set(f"k{number}", 1)) for number in range(20)]
        await asyncio.sleep(0)
        await db.close()
        assert await asyncio.gather(*writes) == [1] * 20

    asyncio.run(main())


def test_a_forgotten_client_warns_and_lets_go(server: SmallServer) -> None:
    db = fluxdb.open(server.url)
    db.set("k", 1)
    with pytest.warns(ResourceWarning, match="unclosed connection"):
        del db
    until(lambda: not server._clients)


@pytest.mark.parametrize("text", [b'1},"kind":"del"', b"1\n{}", b"", b"{"])
def test_text_that_is_no_json_never_reaches_the_stream(server: SmallServer, text: bytes) -> None:
    with fluxdb.open(server.url) as db:
        with pytest.raises(fluxdb.InvalidValueError):
            db.handle.set("k", text)
        assert db.get("k") is None
