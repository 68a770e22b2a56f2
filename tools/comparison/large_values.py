"""Values of 1 KB, 100 KB and 1 MB over TCP: against Redis, and against our own Unix socket."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import fluxdb
from tools.comparison import documents, requests
from tools.comparison.figure import Measurement, Turn
from tools.comparison.network import QUICK_TURNS, Load, Side, Work, detail
from tools.comparison.servers import connections, fluxdb_server, redis_server
from tools.comparison.setting import Setting

KB, MB = 1_000, 1_000_000
TURNS = 9
REPLIES = 15  # of a size, in a turn of either side


class Size(NamedTuple):
    """How values of one size are measured: some MB a turn, over a few keys."""

    value_bytes: int
    connections: int
    keys: int
    sets: int
    gets: int


SIZES = {
    KB: Size(KB, 100, 1_000, 30_000, 60_000),
    100 * KB: Size(100 * KB, 10, 40, 1_500, 6_000),
    MB: Size(MB, 4, 8, 150, 600),
}


def value(number: int, value_bytes: int) -> dict[str, Any]:
    """A value of about that many bytes as JSON: small members, as of a list of records."""
    record = {"id": 100_000 + number, "name": "vaibhav", "words": "of a record among many", "on": True}
    return {"records": [record] * max(1, value_bytes // 75)}


def set_1kb(setting: Setting) -> Measurement:
    return _measurement(setting, "set", SIZES[KB])


def get_1kb(setting: Setting) -> Measurement:
    return _measurement(setting, "get", SIZES[KB])


def set_100kb(setting: Setting) -> Measurement:
    return _measurement(setting, "set", SIZES[100 * KB])


def get_100kb(setting: Setting) -> Measurement:
    return _measurement(setting, "get", SIZES[100 * KB])


def set_1mb(setting: Setting) -> Measurement:
    return _measurement(setting, "set", SIZES[MB])


def get_1mb(setting: Setting) -> Measurement:
    return _measurement(setting, "get", SIZES[MB])


def _measurement(setting: Setting, name: str, size: Size) -> Measurement:
    total = size.sets if name == "set" else size.gets
    work = Work(name, size.connections, 1, setting.pick(total, 2 * size.connections))
    pairs = _run(setting, work, size)
    turns = [Turn(ours.rate, other.rate, detail(ours, other)) for ours, other in pairs]
    note = f"{work.total} requests a turn over {size.keys} keys, {size.connections} connections, 1 in flight on each"
    return Measurement(turns, [f"{note}; Redis: appendonly yes, appendfsync always"])


def _run(setting: Setting, work: Work, size: Size) -> list[tuple[Load, Load]]:
    with setting.fresh("large-values") as folder, ExitStack() as stack:
        other_port = stack.enter_context(redis_server(folder / "redis"))
        port = stack.enter_context(fluxdb_server(folder / "ours"))
        ours = stack.enter_context(_side(port, "flux", work, size))
        other = stack.enter_context(_side(other_port, "resp", work, size))
        ours.run(work.connections)
        other.run(work.connections)
        return [(ours.run(work.total), other.run(work.total)) for _ in range(setting.pick(TURNS, QUICK_TURNS))]


@contextlib.contextmanager
def _side(port: int, protocol: str, work: Work, size: Size) -> Iterator[Side]:
    """A server's side. All keys are set before."""
    pairs = [(documents.key(number), value(number, size.value_bytes)) for number in range(size.keys)]
    with connections(port, work.connections) as sockets:
        fill = Work("set", work.connections, 1, size.keys)
        Side(sockets, protocol, fill, requests.joined(protocol, fill.name, pairs)).run(fill.total)
    with connections(port, work.connections) as sockets:
        yield Side(sockets, protocol, work, requests.joined(protocol, work.name, pairs))


def reply_100kb(setting: Setting) -> Measurement:
    return _replies(setting, 100 * KB)


def reply_1mb(setting: Setting) -> Measurement:
    return _replies(setting, MB)


def reply_15mb(setting: Setting) -> Measurement:
    return _replies(setting, 15 * MB)


def _replies(setting: Setting, value_bytes: int) -> Measurement:
    """The median time of a GET by our own client over TCP, and over the Unix socket of the same server."""
    with setting.fresh("replies") as folder:
        path = Path(folder, "s")
        with fluxdb_server(folder / "ours", "--unix", str(path)) as port, ExitStack() as stack:
            tcp = stack.enter_context(fluxdb.open(f"fluxdb://127.0.0.1:{port}"))
            unix = stack.enter_context(fluxdb.open(f"fluxdb+unix://{path}"))
            tcp.set("k", "y" * value_bytes)
            count = setting.pick(REPLIES, 3)
            turns = [Turn(_median_ms(tcp, count), _median_ms(unix, count)) for _ in range(setting.pick(TURNS, 2))]
    return Measurement(turns, [f"medians of {count} GETs a turn, default settings"])


def _median_ms(db: fluxdb.FluxDB, count: int) -> float:
    def seconds() -> float:
        begun = time.perf_counter()
        db.get("k")
        return time.perf_counter() - begun

    return 1e3 * statistics.median(seconds() for _ in range(count))
