"""Requests over TCP: a fluxdb-server and a redis-server in turn, both driven by the same compiled load generator."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

import fluxdb.aio
from fluxdb._core.load.generator import LoadGenerator
from fluxdb._core.load.histogram import LatencyHistogram
from tools.comparison import documents, requests
from tools.comparison.figure import Measurement, Turn
from tools.comparison.servers import connections, fluxdb_server, redis_server
from tools.comparison.setting import Setting
from tools.comparison.writes import COROUTINES, rate_of_coroutines

CONNECTIONS = 100
TURNS = 12
QUICK_TURNS = 2


class Load(NamedTuple):
    """The result of one turn of one side."""

    rate: float
    p50_us: float
    p99_us: float


@dataclass(frozen=True)
class Work:
    """``total`` requests a turn: ``name`` is one of ``requests.MAKERS``."""

    name: str
    connections: int
    pipeline: int
    total: int


class Side:
    """One server's connections, and the requests that go over them."""

    def __init__(
        self,
        sockets: list[socket.socket],
        protocol: str,
        work: Work,
        over: tuple[bytes, list[int]] | None = None,
    ) -> None:
        """``over``: the requests, as tools.comparison.requests makes them; else those to all of the usual keys."""
        text, lengths = over or requests.of(protocol, work.name)
        self._generator = LoadGenerator(sockets, text, lengths, protocol=protocol, pipeline=work.pipeline)

    def run(self, total: int) -> Load:
        """Raises RuntimeError where a reply was an error."""
        latencies = LatencyHistogram()
        result = self._generator.run(total, latencies)
        if result.errors:
            raise RuntimeError(f"{result.errors} of {result.replies} replies were errors: {result.first_error}")
        rate = result.replies / (result.elapsed_ns / 1e9)
        return Load(rate, latencies.percentile(50) / 1e3, latencies.percentile(99) / 1e3)


def set_rate(setting: Setting) -> Measurement:
    return _measurement(setting, _set(setting), "rate")


def set_p99(setting: Setting) -> Measurement:
    return _measurement(setting, _set(setting), "p99_us")


def get_rate(setting: Setting) -> Measurement:
    return _measurement(setting, _get(setting), "rate")


def get_p99(setting: Setting) -> Measurement:
    return _measurement(setting, _get(setting), "p99_us")


def mixed_rate(setting: Setting) -> Measurement:
    return _measurement(setting, _mixed(setting), "rate")


def mixed_p99(setting: Setting) -> Measurement:
    return _measurement(setting, _mixed(setting), "p99_us")


def set_rate_16(setting: Setting) -> Measurement:
    return _measurement(setting, Work("set", CONNECTIONS, 16, setting.pick(200_000, 20_000)), "rate")


def get_rate_16(setting: Setting) -> Measurement:
    return _measurement(setting, Work("get", CONNECTIONS, 16, setting.pick(400_000, 20_000)), "rate")


def set_one_p50(setting: Setting) -> Measurement:
    return _measurement(setting, Work("set", 1, 1, setting.pick(3_000, 200)), "p50_us")


def _set(setting: Setting) -> Work:
    return Work("set", CONNECTIONS, 1, setting.pick(50_000, 5_000))


def _get(setting: Setting) -> Work:
    return Work("get", CONNECTIONS, 1, setting.pick(80_000, 5_000))


def _mixed(setting: Setting) -> Work:
    return Work("mixed", CONNECTIONS, 1, setting.pick(60_000, 6_000))


def _measurement(setting: Setting, work: Work, what: str) -> Measurement:
    """Figures of the same work share one run."""
    pairs = setting.once(work, lambda: _run(setting, work))
    turns = [Turn(getattr(ours, what), getattr(other, what), detail(ours, other)) for ours, other in pairs]
    note = f"{work.total} requests a turn over {documents.KEYS} keys, the generator on the same machine"
    return Measurement(turns, [f"{note}; Redis: appendonly yes, appendfsync always"])


def detail(ours: Load, other: Load) -> dict[str, float]:
    sides = (("ours", ours), ("other", other))
    return {f"{side}_{name}": number for side, load in sides for name, number in load._asdict().items()}


def _run(setting: Setting, work: Work) -> list[tuple[Load, Load]]:
    with setting.fresh("network") as folder, ExitStack() as stack:
        other_port = stack.enter_context(redis_server(folder / "redis"))
        port = stack.enter_context(fluxdb_server(folder / "ours"))
        ours = stack.enter_context(side(port, "flux", work))
        other = stack.enter_context(side(other_port, "resp", work))
        warm = max(work.total // 4, work.connections)
        ours.run(warm)
        other.run(warm)
        return [(ours.run(work.total), other.run(work.total)) for _ in range(setting.pick(TURNS, QUICK_TURNS))]


@contextlib.contextmanager
def side(port: int, protocol: str, work: Work) -> Iterator[Side]:
    """A server's side. All keys are set before."""
    fill = Work("set", CONNECTIONS, 16, documents.KEYS)
    with connections(port, fill.connections) as sockets:
        Side(sockets, protocol, fill).run(fill.total)
    with connections(port, work.connections) as sockets:
        yield Side(sockets, protocol, work)


def against_own_network(setting: Setting, measure: Callable[[], float]) -> Iterator[Turn]:
    """Take turns of ``measure`` and of our own network SET."""
    work = _set(setting)
    with setting.fresh("own-network") as folder, fluxdb_server(folder) as port, side(port, "flux", work) as network:
        network.run(work.total // 4)
        for _ in range(setting.pick(TURNS, QUICK_TURNS)):
            yield Turn(measure(), network.run(work.total).rate)


def coroutines_against_network(setting: Setting) -> Measurement:
    """100 coroutines' SETs per second in this process against the SETs per second of 100 connections to a server."""
    each = setting.pick(1_000, 20)
    loop = asyncio.new_event_loop()
    pairs = documents.writes()

    async def open_there(folder: str) -> fluxdb.aio.FluxDB:
        return await fluxdb.aio.open(folder)

    with setting.fresh("coroutines-network") as folder, contextlib.closing(loop):
        db = loop.run_until_complete(open_there(str(folder)))

        def measure() -> float:
            lists = [documents.take(pairs, each) for _ in range(COROUTINES)]
            return loop.run_until_complete(rate_of_coroutines(db, lists))

        measure()
        turns = list(against_own_network(setting, measure))
        loop.run_until_complete(db.close())
    return Measurement(
        turns, ["the plain asyncio loop here; at the server the load generator takes its share of the CPU"]
    )
