"""The protocol of a server without its sockets: requests taken apart and answered, 1,000 lines at once."""

from __future__ import annotations

import select

import fluxdb
from benchmarks.common import KEYS, key, new_folder, value
from fluxdb._core.commit.channel import Channel
from fluxdb._core.serve.sans_io import Connection, Hub

LINES = 1_000
LINE_BYTES_MAX = 1 << 20


class Codec:
    """A ``set`` is durable when it is answered: all lines of one benchmark go by in few groups."""

    params = ("ping", "get", "get with an id", "set", "patch")
    param_names = ("request",)

    def setup(self, request: str) -> None:
        self.db = fluxdb.open(new_folder())
        for number in range(KEYS):
            self.db.set(key(number), value(number))
        self.hub = Hub(Channel(self.db.handle.committer))
        self.connection = Connection(self.hub, line_bytes_max=LINE_BYTES_MAX, authenticated=True)
        self.lines = b"".join(_line(request, number) for number in range(LINES))

    def teardown(self, request: str) -> None:
        self.connection.close()
        self.hub.close()
        self.db.close()

    def time_request(self, request: str) -> None:
        self.connection.feed(self.lines)
        answered = self._pump()
        while answered < LINES:
            select.select([self.hub.fd], [], [], 10)
            self.hub.collect()
            answered += self._pump()

    def _pump(self) -> int:
        while self.connection.next_request() is not None:
            raise RuntimeError("a request that the core should have answered")
        return self.connection.take().count(b"\n")


def _line(request: str, number: int) -> bytes:
    name = key(number % KEYS).encode()
    return {
        "ping": b'{"kind":"ping"}\n',
        "get": b'{"kind":"get","key":"%b"}\n' % name,
        "get with an id": b'{"id":%d,"kind":"get","key":"%b"}\n' % (number, name),
        "set": b'{"kind":"set","key":"%b","value":{"id":%d,"data":"benchmark data"}}\n' % (name, number),
        "patch": b'{"kind":"patch","key":"%b","delta":{"id":%d}}\n' % (name, number),
    }[request]
