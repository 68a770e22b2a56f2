"""Throughput of a database with many documents against that of one with few, both ours, in process and over TCP.

And of a plain dict with as many: what the memory of the machine costs a look-up at random among so many keys.
"""

from __future__ import annotations

import asyncio
import random
import socket
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import orjson

import fluxdb
import fluxdb.aio
from tools.comparison import documents, requests
from tools.comparison.builds import IN_FLIGHT, NO_CHECKPOINTS
from tools.comparison.figure import Measurement, Turn
from tools.comparison.network import CONNECTIONS, Side, Work
from tools.comparison.servers import connections, fluxdb_server
from tools.comparison.setting import Setting
from tools.comparison.writes import COROUTINES, rate_of_coroutines

LARGE = 5_000_000
SMALL = 10_000
MANY = 100  # keys of one get_many

FILL_AT_ONCE = 250_000
WORKS = ("get", "set")


def get_rate(setting: Setting) -> Measurement:
    """Thousands of GETs per second of one thread."""
    return _measurement(setting, "get", 1e3)


def set_rate(setting: Setting) -> Measurement:
    """SETs per second of 100 coroutines."""
    return _measurement(setting, "set", 1)


def get_many_rate(setting: Setting) -> Measurement:
    """Thousands of documents per second by get_many of 100 keys, against as many GETs, both among many documents."""
    count, found = _found(setting)
    turns = [Turn(many / 1e3, single / 1e3) for many, (single, _) in zip(found["many"], found["get"], strict=True)]
    return Measurement(turns, [f"{count} documents, keys at random, in the same turns"])


def get_rate_of_dict(setting: Setting) -> Measurement:
    """Thousands of GETs per second of one thread, against as many look-ups in a dict of as many."""
    count, found = _found(setting)
    ours, dicts = [large for large, _ in found["get"]], found["dict"]
    turns = [Turn(mine / 1e3, its / 1e3) for mine, (its, _) in zip(ours, dicts, strict=True)]
    own = statistics.median(large / small for large, small in dicts)
    return Measurement(turns, [f"that dict of {count} at random against one of {SMALL}, in the same turns: {own:.2f}x"])


def _measurement(setting: Setting, work: str, per: float) -> Measurement:
    count, found = _found(setting)
    turns = [Turn(large / per, small / per) for large, small in found[work]]
    return Measurement(turns, [f"{count} documents against {SMALL}, keys at random, both databases in one process"])


def _found(setting: Setting) -> tuple[int, dict[str, Any]]:
    """The figures share one run."""
    count = setting.pick(LARGE, 50_000)
    return count, setting.once("scale", lambda: _run(setting, count))


def _run(setting: Setting, count: int) -> dict[str, Any]:
    with setting.fresh("scale") as folder:
        return setting.child(
            "scale:measure",
            folder=str(folder),
            count=count,
            turns=setting.pick(20, 2),
            gets=setting.pick(300_000, 5_000),
            sets_each=setting.pick(1_000, 20),
        )


# In the child.


def measure(folder: str, count: int, turns: int, gets: int, sets_each: int) -> dict[str, Any]:
    return asyncio.run(_measure(folder, count, turns, gets, sets_each))


async def _measure(folder: str, count: int, turns: int, gets: int, sets_each: int) -> dict[str, Any]:
    found: dict[str, list[Any]] = {"get": [], "many": [], "dict": [], "set": []}
    with (
        fluxdb.open(f"{folder}/large", limits=NO_CHECKPOINTS) as large,
        fluxdb.open(f"{folder}/small", limits=NO_CHECKPOINTS) as small,
    ):
        sides = ((large, count), (small, SMALL))
        for db, size in sides:
            await _fill(db, size)
        lookups = [(_lookup(size), size) for _, size in sides]
        for _ in range(turns + 1):
            get_large, get_small = (_get_rate(db.get, size, gets) for db, size in sides)
            found["get"].append((get_large, get_small))
            found["many"].append(_get_many_rate(large, count, gets))
            dict_large, dict_small = (_get_rate(lookup, size, gets) for lookup, size in lookups)
            found["dict"].append((dict_large, dict_small))
            set_large, set_small = [await _set_rate(db, size, sets_each) for db, size in sides]
            found["set"].append((set_large, set_small))
    return {work: pairs[1:] for work, pairs in found.items()}


async def _fill(db: fluxdb.FluxDB, count: int) -> None:
    async with fluxdb.aio.wrap(db) as twin:
        for first in range(0, count, IN_FLIGHT):
            numbers = range(first, min(count, first + IN_FLIGHT))
            await asyncio.gather(*(twin.set(documents.key(number), documents.value(number)) for number in numbers))


def _lookup(size: int) -> Callable[[str], Any]:
    """The same documents as JSON text in a dict, each in no more memory than it needs."""
    texts = {documents.key(number): b"%b" % orjson.dumps(documents.value(number)) for number in range(size)}
    loads = orjson.loads
    return lambda key: loads(texts[key])


def _get_rate(get: Callable[[str], Any], size: int, count: int) -> float:
    """Each key is a separate str on either side: Python's objects cost both the same."""
    keys = [documents.key(random.randrange(size)) for _ in range(count)]
    begin = time.perf_counter()
    for key in keys:
        get(key)
    return count / (time.perf_counter() - begin)


def _get_many_rate(db: fluxdb.FluxDB, size: int, count: int) -> float:
    lists = [[documents.key(random.randrange(size)) for _ in range(MANY)] for _ in range(count // MANY)]
    begin = time.perf_counter()
    for keys in lists:
        db.get_many(keys)
    return len(lists) * MANY / (time.perf_counter() - begin)


async def _set_rate(db: fluxdb.FluxDB, size: int, each: int) -> float:
    lists = [[_pair(random.randrange(size)) for _ in range(each)] for _ in range(COROUTINES)]
    async with fluxdb.aio.wrap(db) as twin:
        return await rate_of_coroutines(twin, lists)


def _pair(number: int) -> tuple[str, dict[str, Any]]:
    return documents.key(number), documents.value(number + 1)


def network_get_rate(setting: Setting) -> Measurement:
    """GETs per second of 100 connections, one in flight each."""
    return _network_measurement(setting, "get")


def network_set_rate(setting: Setting) -> Measurement:
    """SETs per second of 100 connections, one in flight each."""
    return _network_measurement(setting, "set")


def _network_measurement(setting: Setting, work: str) -> Measurement:
    count = setting.pick(LARGE, 50_000)
    turns = setting.once("scale-network", lambda: _network_run(setting, count))[work]
    return Measurement(turns, [f"{count} documents against {SMALL}, keys at random, a server each"])


def _network_run(setting: Setting, count: int) -> dict[str, list[Turn]]:
    """The servers stand side by side; the second of two turns is of the other work."""
    total = setting.pick(60_000, 3_000)
    turns: dict[str, list[Turn]] = {work: [] for work in WORKS}
    with setting.fresh("scale-network") as folder, ExitStack() as stack:
        sides = []
        for name, size in (("large", count), ("small", SMALL)):
            port = stack.enter_context(fluxdb_server(folder / name))
            sockets = stack.enter_context(connections(port, CONNECTIONS))
            _network_fill(sockets, size)
            numbers = random.Random(1).choices(range(size), k=total)
            sides.append({work: _network_side(sockets, Work(work, CONNECTIONS, 1, total), numbers) for work in WORKS})
        for _ in range(setting.pick(10, 2) + 1):
            for work in WORKS:
                large, small = (side[work].run(total).rate for side in sides)
                turns[work].append(Turn(large, small))
    return {work: measured[1:] for work, measured in turns.items()}


def _network_fill(sockets: list[socket.socket], size: int) -> None:
    for first in range(0, size, FILL_AT_ONCE):
        numbers = range(first, min(size, first + FILL_AT_ONCE))
        _network_side(sockets, Work("set", CONNECTIONS, 16, len(numbers)), numbers).run(len(numbers))


def _network_side(sockets: list[socket.socket], work: Work, numbers: Sequence[int]) -> Side:
    return Side(sockets, "flux", work, requests.over("flux", work.name, numbers))
