"""One write told to many: to tasks of this process, and to connections, there against Redis PUBLISH."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import orjson

import fluxdb.aio
from fluxdb._core.load.receiver import LoadReceiver
from tools.comparison import documents
from tools.comparison.figure import Measurement, Turn, alternate
from tools.comparison.requests import flux_set, resp
from tools.comparison.servers import connections, fluxdb_server, redis_server
from tools.comparison.setting import Setting

KEY = documents.key(1).encode()
VALUE = orjson.dumps(documents.value(1))

CONNECTIONS = 100
WINDOW = 64  # writes ahead of the slowest subscriber
PATIENCE_SECONDS = 30.0

# Redis sends *3 $7 message $n channel $n payload, a line each.
MESSAGE_LINES = 7


def in_process(setting: Setting) -> Measurement:
    """Thousands of events per second: each write is awaited, and then that all subscribers have its event."""
    subscribers, writes = setting.pick(10_000, 500), setting.pick(30, 3)
    with setting.fresh("told") as folder:
        rates = asyncio.run(_told_rates(str(folder), subscribers, writes, setting.pick(12, 2)))
    return Measurement([Turn(rate / 1e3) for rate in rates], [f"{subscribers} tasks, {writes} writes a turn"])


async def _told_rates(folder: str, subscribers: int, writes: int, turns: int) -> list[float]:
    missing = 0
    told = asyncio.Event()
    async with fluxdb.aio.open(folder) as db:

        async def follow(events: fluxdb.aio.Subscription) -> None:
            nonlocal missing
            async for _ in events:
                missing -= 1
                if missing == 0:
                    told.set()

        async def turn() -> float:
            nonlocal missing
            begin = asyncio.get_running_loop().time()
            for number in range(writes):
                missing = subscribers
                told.clear()
                await db.set(KEY.decode(), documents.value(number))
                await told.wait()
            return subscribers * writes / (asyncio.get_running_loop().time() - begin)

        async with contextlib.AsyncExitStack() as stack:
            watching = [await stack.enter_async_context(db.subscribe(KEY.decode())) for _ in range(subscribers)]
            tasks = [asyncio.create_task(follow(events)) for events in watching]
            await asyncio.sleep(0)  # all wait for their first event
            await turn()
            rates = [await turn() for _ in range(turns)]
        await asyncio.gather(*tasks)
    return rates


def over_network(setting: Setting) -> Measurement:
    """Thousands of events per second, counted by the same compiled receiver on both sides."""
    writes = setting.pick(5_000, 200)
    with setting.fresh("told-network") as folder, ExitStack() as stack:
        other_port = stack.enter_context(redis_server(folder / "redis"))
        port = stack.enter_context(fluxdb_server(folder / "ours"))
        other = stack.enter_context(_redis_receiver(other_port))
        ours = stack.enter_context(_receiver(port))
        turns = alternate(setting.pick(12, 2), lambda: _kilo_events(ours, writes), lambda: _kilo_events(other, writes))
    note = f"{writes} writes a turn, at most {WINDOW} ahead of the slowest connection, each of ours durable"
    return Measurement(turns, [note, "our event holds the old and the new value, Redis' message the new one"])


def _kilo_events(receiver: LoadReceiver, writes: int) -> float:
    return CONNECTIONS * writes / (receiver.run(writes) / 1e9) / 1e3


@contextlib.contextmanager
def _receiver(port: int) -> Iterator[LoadReceiver]:
    with connections(port, CONNECTIONS + 1) as (*subscribers, writer):
        for each in subscribers:
            _ask(each, b'{"kind":"subscribe","key":"%b"}\n' % KEY, 1)
        yield LoadReceiver(subscribers, writer, flux_set(KEY, VALUE), window=WINDOW)


@contextlib.contextmanager
def _redis_receiver(port: int) -> Iterator[LoadReceiver]:
    with connections(port, CONNECTIONS + 1) as (*subscribers, writer):
        for each in subscribers:
            _ask(each, resp(b"SUBSCRIBE", KEY), 6)  # *3 $9 subscribe $n channel :1
        request = resp(b"PUBLISH", KEY, VALUE)
        yield LoadReceiver(subscribers, writer, request, newlines=MESSAGE_LINES, window=WINDOW)


def _ask(asking: socket.socket, request: bytes, lines: int) -> None:
    """Sends the request, and takes so many lines of answer."""
    asking.settimeout(PATIENCE_SECONDS)
    asking.sendall(request)
    answer = b""
    while answer.count(b"\n") < lines:
        got = asking.recv(4096)
        if not got:
            raise RuntimeError(f"the server closed a connection that subscribed: it said {answer!r}")
        answer += got
    if b"subscribe" not in answer:
        raise RuntimeError(f"the server did not subscribe: it said {answer!r}")
    asking.setblocking(False)
