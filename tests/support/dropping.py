"""Clients that come and go, as rudely as clients do; and what the server holds afterwards."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

from tests.net.wire import PATIENCE_SECONDS, Wire
from tests.support.herd import Herd, allow_descriptors

DESCRIPTORS_SPARE = 300
WAVE_MAX = 1_000

# The bytes that a client sends before it goes; each second one stops in the middle of a line.
WORDS = (
    b'{"kind":"set","key":"a","val',
    b'{"kind":"ping"}\n',
    b'{"kind":"subscribe","key":"a"}\n{"kind":"set","key":"a","value":"' + b"x" * 2_000,
    b'{"kind":"subscribe","key":"b"}\n{"kind":"subscribe","key":"c"}\n',
    b"{",
    b'{"kind":"set","key":"b","value":1}\n' * 3,
    b'{"kind":"get","key":"a"}\n{"kind":"snapshot"}\n\xff\xfe',
    b"",
)


def drop_all(port: int, count: int) -> None:
    """Open so many connections, and drop them all: in waves, each when the server is done with the one before."""
    wave = min(WAVE_MAX, allow_descriptors(WAVE_MAX + DESCRIPTORS_SPARE) - DESCRIPTORS_SPARE)
    for begin in range(0, count, wave):
        with Herd(port, min(wave, count - begin)) as herd:
            for i, each in enumerate(herd.sockets):
                each.sendall(WORDS[i % len(WORDS)])
            for each in herd.sockets[3::8]:  # these see their subscriptions begin
                assert each.recv(16).startswith(b'{"kind"')
            for each in herd.sockets[1::8] + herd.sockets[4::8]:  # these say good-bye, the others don't
                each.shutdown(socket.SHUT_WR)
                while each.recv(4096):
                    pass
                each.close()
        settle(port)


def settle(port: int, others: int = 0) -> None:
    """Wait until the server has no client but the one that asks, and so many others. Raises AssertionError."""
    until = time.monotonic() + PATIENCE_SECONDS
    with Wire(port) as client:
        while left := list(what_is_left(client, others)):
            assert time.monotonic() < until, f"there is left: {', '.join(left)}"
            time.sleep(0.02)


def what_is_left(client: Wire, others: int) -> Iterator[str]:
    """By the server's own words."""
    info = client.ask({"kind": "info"})[0]["info"]
    for name, count, expected in (
        ("connections", info["server"]["connections"], 1 + others),
        ("subscriptions", info["server"]["subscriptions"], 0),
        ("subscribers", info["subscribers"], 0),
        ("watched keys", info["commits"]["watched_keys"], 0),
    ):
        if count != expected:
            yield f"{count} {name}"
