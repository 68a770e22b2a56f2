"""p99 of MIXED against p99 of SET, in this process: SET, GET, PATCH, DELETE in turn over 100 keys."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from time import perf_counter_ns as clock
from typing import Any

import fluxdb
import fluxdb.aio
from tools.comparison import documents
from tools.comparison.figure import Measurement, Turn
from tools.comparison.samples import summary_us
from tools.comparison.setting import Setting
from tools.comparison.writes import COROUTINES

KEYS = 100
TURNS = 10
NOTE = "both sides are ours; all four operations of MIXED count alike"


def p99_one_thread(setting: Setting) -> Measurement:
    """In microseconds."""
    count = setting.pick(4_000, 200)
    with setting.fresh("mixed") as folder, fluxdb.open(str(folder)) as db:
        sets: list[Callable[[str, Any], object]] = [db.set]
        mixed: list[Callable[[str, Any], object]]
        mixed = [db.set, lambda key, _: db.get(key), db.patch, lambda key, _: db.delete(key)]
        _times(sets, count // 4)
        turns = [_turn(_times(mixed, count), _times(sets, count)) for _ in range(setting.pick(TURNS, 2))]
    return Measurement(turns, [f"{count} operations a turn", NOTE])


def _times(operations: list[Callable[[str, Any], object]], count: int) -> list[int]:
    samples = []
    for number, operation in zip(range(count), itertools.cycle(operations), strict=False):
        key, value = documents.key(number // len(operations) % KEYS), documents.value(number)
        begin = clock()
        operation(key, value)
        samples.append(clock() - begin)
    return samples


def p99_coroutines(setting: Setting) -> Measurement:
    """In microseconds."""
    with setting.fresh("mixed") as folder:
        return asyncio.run(_p99_coroutines(setting, str(folder)))


async def _p99_coroutines(setting: Setting, folder: str) -> Measurement:
    each = setting.pick(400, 20)
    async with fluxdb.aio.open(folder) as db:
        sets: list[Callable[[str, Any], Coroutine[Any, Any, object]]] = [db.set]
        mixed: list[Callable[[str, Any], Coroutine[Any, Any, object]]]
        mixed = [db.set, lambda key, _: db.get(key), db.patch, lambda key, _: db.delete(key)]
        await _times_of_all(sets, each)
        turns = [
            _turn(await _times_of_all(mixed, each), await _times_of_all(sets, each))
            for _ in range(setting.pick(TURNS, 2))
        ]
    return Measurement(turns, [f"{each} operations a coroutine and turn", NOTE])


async def _times_of_all(operations: list[Callable[[str, Any], Coroutine[Any, Any, object]]], each: int) -> list[int]:
    samples: list[int] = []

    async def run(coroutine: int) -> None:
        for number, operation in zip(range(each), itertools.cycle(operations), strict=False):
            key, value = documents.key(coroutine % KEYS), documents.value(number)
            begin = clock()
            await operation(key, value)
            samples.append(clock() - begin)

    await asyncio.gather(*map(run, range(COROUTINES)))
    return samples


def _turn(mixed: list[int], sets: list[int]) -> Turn:
    detail = {**summary_us(mixed, "mixed"), **summary_us(sets, "set")}
    return Turn(detail["mixed_p99_us"], detail["set_p99_us"], detail)
