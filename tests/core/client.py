"""A connection of the server without a socket, and the loop that a server would be."""

from __future__ import annotations

import json
import select
from typing import Any

from fluxdb._core.commit.channel import Channel
from fluxdb._core.serve.sans_io import Connection, Hub
from tests.core.conftest import Log


class Client:
    """A connection, and the loop that a server would be."""

    def __init__(self, log: Log, *, line_bytes_max: int = 10_000, authenticated: bool = True) -> None:
        self.hub = Hub(Channel(log.committer))
        self.connection = self.connect(line_bytes_max, authenticated)
        self.handed: list[tuple[str, str | None]] = []
        self.output = b""

    def connect(self, line_bytes_max: int = 10_000, authenticated: bool = True) -> Connection:
        return Connection(self.hub, line_bytes_max=line_bytes_max, authenticated=authenticated)

    def pump(self) -> None:
        while (request := self.connection.next_request()) is not None:
            ticket, kind, id_, key, _ = request
            self.handed.append((kind, key))
            tail = b',"id":' + id_ if id_ else b""
            self.connection.reply(ticket, b'{"kind":"python"' + tail + b"}\n")
        self.output += self.connection.take()

    def send(self, *requests: Any) -> None:
        self.feed(b"".join(json.dumps(request).encode() + b"\n" for request in requests))

    def feed(self, data: bytes, piece_bytes: int = 1 << 20) -> None:
        for at in range(0, len(data), piece_bytes):
            self.connection.feed(data[at : at + piece_bytes])
            self.pump()

    def settle(self) -> list[Any]:
        """All replies so far, once everything is durable."""
        while not self.connection.idle:
            assert select.select([self.hub.fd], [], [], 10)[0], "nobody rang"
            self.hub.collect()
            self.pump()
        replies = [json.loads(line) for line in self.output.splitlines()]
        assert self.output.endswith(b"\n") or not self.output
        self.output = b""
        return replies

    def ask(self, *requests: Any) -> list[Any]:
        self.send(*requests)
        return self.settle()
