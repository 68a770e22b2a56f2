"""GET and merge-patch against plain Python: a dict of JSON text, orjson, and a merge of parsed values."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

import fluxdb
import fluxdb.aio
from fluxdb import Document
from fluxdb._core.json.merge import merge
from tools.comparison import documents
from tools.comparison.figure import Measurement, alternate, rate
from tools.comparison.setting import Setting

DOCUMENT_BYTES = 1_024
CALLS = 20_000


def get_rate(setting: Setting) -> Measurement:
    """GETs of a 50-byte document per second. Both sides look up the same str objects in the same order."""
    keys = [documents.key(number) for number in range(documents.KEYS)]
    plain = {key: orjson.dumps(documents.value_50(number)) for number, key in enumerate(keys)}
    order = random.Random(1).choices(keys, k=setting.pick(200_000, 5_000))
    with setting.fresh("get") as folder:
        asyncio.run(_fill(folder, keys))
        with fluxdb.open(str(folder)) as db:
            if any(db.get(key) != Document(orjson.loads(text), 1) for key, text in plain.items()):
                raise RuntimeError("the two sides don't hold the same documents")
            turns = alternate(
                setting.pick(15, 3),
                lambda: rate(len(order), lambda: _get_all(db.get, order)) / 1e3,
                lambda: rate(len(order), lambda: _look_up_all(plain, orjson.loads, order)) / 1e3,
            )
    return Measurement(turns, [f"{len(keys)} keys in random order; what GET gives has its version with it"])


async def _fill(folder: Path, keys: list[str]) -> None:
    async with fluxdb.aio.open(str(folder)) as db:
        await asyncio.gather(*(db.set(key, documents.value_50(number)) for number, key in enumerate(keys)))


def _get_all(get: Callable[[str], Any], order: list[str]) -> None:
    for key in order:
        get(key)


def _look_up_all(plain: dict[str, bytes], loads: Callable[[bytes], Any], order: list[str]) -> None:
    for key in order:
        loads(plain[key])


def _padded(build: Callable[[int], Any]) -> bytes:
    """The largest document of its shape that has at most DOCUMENT_BYTES."""
    size = 1
    while len(orjson.dumps(build(size + 1))) <= DOCUMENT_BYTES:
        size += 1
    return orjson.dumps(build(size))


def flat_strings(size: int) -> dict[str, Any]:
    return {f"member{number:02d}": f"some words for number {number}" for number in range(size)}


def nested(size: int) -> dict[str, Any]:
    return {
        f"group{number:02d}": {"name": f"n{number}", "place": {"city": "Pune", "at": [18.52, 73.85]}, "active": True}
        for number in range(size)
    }


def numbers(size: int) -> dict[str, Any]:
    return {f"m{number:02d}": [number, number * 1.5, -number * 1_000_003] for number in range(size)}


def flat_strings_rate(setting: Setting) -> Measurement:
    return _measure(setting, _padded(flat_strings), b'{"member05":"changed"}')


def nested_rate(setting: Setting) -> Measurement:
    return _measure(setting, _padded(nested), b'{"group03":{"place":{"city":"Delhi"}}}')


def numbers_rate(setting: Setting) -> Measurement:
    return _measure(setting, _padded(numbers), b'{"m07":70}')


def python_merge(target: Any, delta: Any) -> Any:
    """The recursive merge in which a null overwrites like any other value."""
    if not isinstance(delta, dict):
        return delta
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in delta.items():
        result[name] = python_merge(result.get(name), value)
    return result


def _measure(setting: Setting, document: bytes, delta: bytes) -> Measurement:
    """Thousands of merges per second. Text in, text out on both sides."""
    calls = setting.pick(CALLS, 500)
    if orjson.loads(merge(document, delta)) != orjson.loads(_by_hand(document, delta)):
        raise RuntimeError("the two merges don't agree")
    turns = alternate(
        setting.pick(15, 3),
        lambda: rate(calls, lambda: _repeat(merge, document, delta, calls)) / 1e3,
        lambda: rate(calls, lambda: _repeat(_by_hand, document, delta, calls)) / 1e3,
    )
    return Measurement(turns, [f"{len(document)} bytes, delta {delta.decode()}"])


def _by_hand(document: bytes, delta: bytes) -> bytes:
    return orjson.dumps(python_merge(orjson.loads(document), orjson.loads(delta)))


def _repeat(function: Callable[[bytes, bytes], bytes], document: bytes, delta: bytes, calls: int) -> None:
    for _ in range(calls):
        function(document, delta)
