"""Connecting: the addresses of a name, event loops of other makes, what a forked child inherits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

import fluxdb
from fluxdb import ConnectionLostError
from fluxdb.engine.remote import dialing
from fluxdb.engine.remote.address import Address
from fluxdb.engine.remote.dialing import Place, alternated
from tests.support.small_server import SmallServer

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=LOOPS)
def new_loop(request: pytest.FixtureRequest) -> NewLoop:
    return LOOPS[request.param]


@contextlib.contextmanager
def swallowing() -> Iterator[int]:
    """The port of an address that answers no attempt: its queue is full."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def answered_by(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    async def resolve(address: Address) -> list[Place]:
        return [Place(socket.AF_INET, ("127.0.0.1", port)) for port in ports]

    monkeypatch.setattr(dialing, "resolve", resolve)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def version_of_a_write() -> int:
    async with fluxdb.aio.open("fluxdb://several.example") as db:
        return await db.set("a", 1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue answers")
def test_an_address_that_swallows_everything_does_not_take_the_time_of_the_next(
    server: SmallServer, new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with swallowing() as port, contextlib.closing(new_loop()) as loop:
        answered_by(monkeypatch, port, port, server.port)
        assert loop.run_until_complete(version_of_a_write()) == 1
        loop.run_until_complete(asyncio.sleep(0))
        left = [each for each in dialing._sockets if each.fileno() >= 0 and each.getpeername()[1] == port]
        assert left == []


def test_an_address_that_refuses_is_passed_over_at_once(
    server: SmallServer, new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialing, "NEXT_ADDRESS_SECONDS", 3_600)
    answered_by(monkeypatch, free_port(), server.port)
    with contextlib.closing(new_loop()) as loop:
        assert loop.run_until_complete(version_of_a_write()) == 1


def test_where_every_address_refuses_that_is_said_once(new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    answered_by(monkeypatch, free_port(), free_port())
    with contextlib.closing(new_loop()) as loop, pytest.raises(ConnectionLostError) as caught:
        loop.run_until_complete(version_of_a_write())
    assert str(caught.value) == ("no connection to several.example:7000: connection refused (is the server running?)")


def test_families_take_turns_in_the_order_of_the_resolver() -> None:
    six = [Place(socket.AF_INET6, n) for n in range(3)]
    four = [Place(socket.AF_INET, n) for n in range(2)]
    assert alternated([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]


def test_a_loss_is_noticed_in_each_loop(server: SmallServer, new_loop: NewLoop) -> None:
    """Without a time-out: a loss that goes unnoticed would hang this."""

    async def main() -> None:
        async with fluxdb.aio.open(server.url, timeout=None) as db:
            server.silent = True
            writing = asyncio.ensure_future(db.set("a", 1))
            while b'"set"' not in server.lines_seen:
                await asyncio.sleep(0.001)
            await asyncio.get_running_loop().run_in_executor(None, server.cut)
            with pytest.raises(ConnectionLostError) as caught:
                await writing
            assert caught.value.maybe_applied
            server.silent = False
            assert await db.set("b", 1) == 1
            connected = db.handle._line.live._transport.get_extra_info("socket")  # type: ignore[attr-defined]
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    with contextlib.closing(new_loop()) as loop:
        loop.run_until_complete(asyncio.wait_for(main(), 60))


PROGRAM = """
import asyncio, sys, uvloop, fluxdb.aio

async def main():
    async with fluxdb.aio.open(sys.argv[1]) as db:
        print(await db.set("a", 1), (await db.get("a")).value)

uvloop.run(main())
"""


def test_a_program_without_assertions_runs_under_uvloop(server: SmallServer) -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-c", PROGRAM, server.url], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("1 1\n", "")


@pytest.mark.parametrize("place", ["fluxdb://127.0.0.1:1", "folder"])
def test_where_no_loop_of_asyncio_runs_that_is_said(place: str, tmp_path: Path) -> None:
    target = place if "://" in place else tmp_path / place
    with pytest.raises(RuntimeError, match=r"event loop of asyncio.*under trio"):
        fluxdb.aio.open(target).__await__().send(None)
    assert list(tmp_path.iterdir()) == []
