"""Throughput of a server with many documents against that of one with few, both ours."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from tools.comparison import requests
from tools.comparison.figure import Measurement, Turn
from tools.comparison.network import CONNECTIONS, Side, Work
from tools.comparison.scale import LARGE, SMALL
from tools.comparison.servers import connections, fluxdb_server
from tools.comparison.setting import Setting

FILL_AT_ONCE = 250_000
WORKS = ("get", "set")


def get_rate(setting: Setting) -> Measurement:
    """GETs per second of 100 connections, one in flight each."""
    return _measurement(setting, "get")


def set_rate(setting: Setting) -> Measurement:
    """SETs per second of 100 connections, one in flight each."""
    return _measurement(setting, "set")


def _measurement(setting: Setting, work: str) -> Measurement:
    count = setting.pick(LARGE, 50_000)
    turns = setting.once("scale-network", lambda: _run(setting, count))[work]
    return Measurement(turns, [f"{count} documents against {SMALL}, keys at random, a server each"])


def _run(setting: Setting, count: int) -> dict[str, list[Turn]]:
    """The servers stand side by side; the second of two turns is of the other work."""
    total = setting.pick(60_000, 3_000)
    turns: dict[str, list[Turn]] = {work: [] for work in WORKS}
    with setting.fresh("scale-network") as folder, ExitStack() as stack:
        sides = []
        for name, size in (("large", count), ("small", SMALL)):
            port = stack.enter_context(fluxdb_server(folder / name))
            sockets = stack.enter_context(connections(port, CONNECTIONS))
            _fill(sockets, size)
            numbers = random.Random(1).choices(range(size), k=total)
            sides.append({work: _side(sockets, Work(work, CONNECTIONS, 1, total), numbers) for work in WORKS})
        for _ in range(setting.pick(10, 2) + 1):
            for work in WORKS:
                large, small = (side[work].run(total).rate for side in sides)
                turns[work].append(Turn(large, small))
    return {work: measured[1:] for work, measured in turns.items()}


def _fill(sockets: list[socket.socket], size: int) -> None:
    for first in range(0, size, FILL_AT_ONCE):
        numbers = range(first, min(size, first + FILL_AT_ONCE))
        _side(sockets, Work("set", CONNECTIONS, 16, len(numbers)), numbers).run(len(numbers))


def _side(sockets: list[socket.socket], work: Work, numbers: Sequence[int]) -> Side:
    return Side(sockets, "flux", work, requests.over("flux", work.name, numbers))
