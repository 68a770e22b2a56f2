"""GET against a dict of JSON bytes and orjson.loads."""

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
from tools.comparison import documents
from tools.comparison.figure import Measurement
from tools.comparison.setting import Setting
from tools.comparison.turns import alternate, rate


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
