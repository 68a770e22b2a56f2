"""Many clients of a server at once, each a bare socket: they subscribe, stall, and drop, as a test has them do."""

from __future__ import annotations

import contextlib
import json
import resource
import selectors
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 60
PORTS_OF_AN_ADDRESS = 10_000  # so many of its ports are used at most, whatever is left over of earlier clients
RECEIVE_BYTES = 4096


def allow_descriptors(wanted: int) -> int:
    """How many this process may have open, after it has asked for that many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    return wanted if soft == resource.RLIM_INFINITY else soft


class Herd:
    """``count`` connections to a port of this machine."""

    _made = 0  # by all herds: each some thousands get their own source address, else ports would run out

    def __init__(self, port: int, count: int, *, receive_bytes: int = 0) -> None:
        self.sockets: list[socket.socket] = []
        try:
            for _ in range(count):
                self.sockets.append(self._connected(port, receive_bytes))
        except BaseException:
            self.close()
            raise

    @classmethod
    def _connected(cls, port: int, receive_bytes: int) -> socket.socket:
        made = socket.socket()
        try:
            made.settimeout(PATIENCE_SECONDS)
            if receive_bytes:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            if sys.platform == "linux":
                made.bind((f"127.0.1.{1 + cls._made // PORTS_OF_AN_ADDRESS % 250}", 0))
            cls._made += 1
            made.connect(("127.0.0.1", port))
        except BaseException:
            made.close()
            raise
        return made

    def send(self, data: bytes) -> None:
        """The same from each; it must fit into the buffers."""
        for each in self.sockets:
            each.sendall(data)

    def read_until(self, done: Callable[[bytearray], bool]) -> list[bytes]:
        """Return what each was sent, once ``done`` says that this is all."""
        got = {each: bytearray() for each in self.sockets}
        with selectors.DefaultSelector() as selector:
            for each in self.sockets:
                selector.register(each, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(PATIENCE_SECONDS)
                assert ready, f"{len(selector.get_map())} clients wait for more"
                for key, _ in ready:
                    ready_one: Any = key.fileobj
                    data = ready_one.recv(1 << 18)
                    assert data, f"a connection was closed behind {bytes(got[ready_one][-200:])!r}"
                    got[ready_one] += data
                    if data.endswith(b"\n") and done(got[ready_one]):
                        selector.unregister(ready_one)
        return [bytes(got[each]) for each in self.sockets]

    def close(self) -> None:
        """Drop those that are open still without a good-bye, so that no port is left waiting."""
        for each in self.sockets:
            if each.fileno() >= 0:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.close()
        self.sockets.clear()

    def __enter__(self) -> Herd:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def stalled(port: int, key: str, count: int) -> Herd:
    """So many who have subscribed to the key, and read nothing from here on."""
    herd = Herd(port, count, receive_bytes=RECEIVE_BYTES)
    try:
        herd.send(b'{"kind":"subscribe","key":%b}\n' % json.dumps(key).encode())
        for answer in herd.read_until(lambda got: got.count(b"\n") == 1):
            assert answer.startswith(b'{"kind":"subscribed"'), answer
    except BaseException:
        herd.close()
        raise
    return herd
