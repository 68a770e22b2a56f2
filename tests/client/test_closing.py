"""Closing a client while it is busy, from anywhere: all waiters get the truth, and nothing is left."""

from __future__ import annotations

import asyncio
import errno
import gc
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import fluxdb
from fluxdb import ClosedError, ConnectionLostError
from fluxdb.engine.remote.engine import RemoteEngine
from fluxdb.engine.remote.link import Link
from tests.client.test_faults import PATIENCE_SECONDS, until
from tests.support.small_server import SmallServer


def handle_of(db: fluxdb.FluxDB) -> RemoteEngine:
    assert isinstance(db.handle, RemoteEngine)
    return db.handle


def test_a_call_that_ends_in_the_very_turn_in_which_the_loop_stops_returns(server: SmallServer) -> None:
    engine = handle_of(fluxdb.open(server.url))

    async def end_with_the_loop() -> str:
        loop = asyncio.get_running_loop()
        await engine._handle.close()
        ready = loop.create_future()
        ready.set_result(None)
        loop.call_soon(loop.call_soon, loop.stop)
        await asyncio.wait([ready])
        return "returned"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(engine._wait, end_with_the_loop(), 5).result() == "returned"
        engine.closed = engine._stopped = True
        engine._thread.join(PATIENCE_SECONDS)


def test_g5_a_write_that_is_cut_short_by_closing_says_that_it_may_be_there(
    server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def be_interrupted() -> None:
        raise RuntimeError("interrupted")

    db = fluxdb.open(server.url)
    monkeypatch.setattr(handle_of(db)._handle, "close", be_interrupted)
    server.silent = True
    with ThreadPoolExecutor(2) as pool:
        write = pool.submit(db.set, "k", 1)
        read = pool.submit(db.get, "l")
        until(lambda: b'"kind":"set"' in server.lines_seen and b'"key":"l"' in server.lines_seen)
        with pytest.raises(RuntimeError, match="interrupted"):
            db.close()
        for call, maybe_applied in ((write, True), (read, False)):
            error = call.exception(PATIENCE_SECONDS)
            assert isinstance(error, (ClosedError, ConnectionLostError))
            assert error.maybe_applied is maybe_applied


def test_closing_while_another_task_waits_for_the_connection_is_no_cancellation_of_it(server: SmallServer) -> None:
    async def main() -> None:
        db = await fluxdb.aio.open(server.url)
        server.silent = True
        server.cut()
        await asyncio.to_thread(until, lambda: not server._clients)
        waiting = [asyncio.ensure_future(db.get("k")), asyncio.ensure_future(db.set("k", 1))]
        await asyncio.to_thread(until, lambda: server.accepted == 2)
        await db.close()
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(error, ClosedError)
            assert not error.maybe_applied

    asyncio.run(main())


def test_a_close_that_is_cancelled_lets_go_all_the_same(server: SmallServer) -> None:
    async def main() -> None:
        db = await fluxdb.aio.open(server.url)
        events = await db.subscribe("k")
        server.silent = True
        write = asyncio.ensure_future(db.set("k", 1))
        await asyncio.to_thread(until, lambda: b'"kind":"set"' in server.lines_seen)
        closing = asyncio.ensure_future(db.close())
        await asyncio.sleep(0.01)  # it waits for the reply now
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(ConnectionLostError) as caught:
            await write
        assert caught.value.maybe_applied
        with pytest.raises(ClosedError):
            await events.get()
        await asyncio.to_thread(until, lambda: not server._clients)

    asyncio.run(main())


def test_a_signal_handler_may_close_what_is_being_closed_or_called(server: SmallServer) -> None:
    db = fluxdb.open(server.url)
    engine = handle_of(db)

    def interrupted() -> None:
        with engine._close_lock, engine._hand_over_lock:  # here the signal comes
            db.close()

    in_time(interrupted)
    with pytest.raises(ClosedError):
        db.get("k")


def test_a_blocking_call_from_the_connections_own_thread_is_refused(server: SmallServer) -> None:
    with fluxdb.open(server.url) as db:
        told: list[Exception] = []

        def call() -> None:
            try:
                db.get("k")
            except RuntimeError as error:
                told.append(error)

        handle_of(db)._loop.call_soon_threadsafe(call)
        until(lambda: bool(told))
        assert "own thread" in str(told[0])
        assert db.get("k") is None


def test_a_forgotten_client_lets_go_where_warnings_are_errors(
    server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    db = fluxdb.open(server.url)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        del db
    until(lambda: not server._clients)
    assert [type(found.exc_value) for found in unraisable] == [ResourceWarning]


def test_too_many_open_files_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> asyncio.AbstractEventLoop:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(asyncio, "new_event_loop", refuse)
    with pytest.raises(ConnectionLostError, match=r"no connection to .*: Too many open files"):
        fluxdb.open("fluxdb://127.0.0.1:1")


def test_a_connection_says_so_in_another_event_loop_than_its_own(server: SmallServer) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(server.url) as db:
            for call in (db.get, db.ping, db.close):
                asked = call("k") if call == db.get else call()  # type: ignore[call-arg]
                with pytest.raises(RuntimeError, match="belongs to the event loop that made it"):
                    await asyncio.to_thread(asyncio.run, asked)
            assert await db.set("k", 1) == 1

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_connection_whose_event_loop_was_closed_is_closed(server: SmallServer) -> None:
    async def begin() -> fluxdb.aio.FluxDB:
        return await fluxdb.aio.open(server.url)

    async def go_on(db: fluxdb.aio.FluxDB) -> None:
        with pytest.raises(ClosedError, match="with the event loop"):
            await db.get("k")
        await db.close()
        await db.close()

    asyncio.run(go_on(asyncio.run(begin())))
    gc.collect()  # here, where it is ignored that nobody closed the socket in time


def test_a_connection_that_a_farewell_has_ended_takes_no_request_any_more(server: SmallServer) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(server.url) as db:
            link = db.handle._line.live  # type: ignore[attr-defined]
            assert isinstance(link, Link)
            link.data_received(b'{"kind":"error","message":"good bye","closing":true}\n')
            assert await db.set("k", 1) == 1
        assert server.accepted == 2

    asyncio.run(main())


def in_time(work: Callable[[], None]) -> None:
    """It does not wait for itself."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS / 3)
    assert not thread.is_alive()
