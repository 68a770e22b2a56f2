"""The sockets of a reactor's clients, and what a server's event loop would do with it, by hand."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fluxdb._core.commit.channel import Channel
from fluxdb._core.reactor.reactor import HAS_EPOLL, Reactor

if TYPE_CHECKING:
    from tests.core.conftest import Log

PATIENCE_SECONDS = 30

with_epoll = HAS_EPOLL  # of the reactors that are made; conftest.py sets it for tests of both pollers
TOO_MUCH = b'{"kind":"error","code":"too_large","message":"too much"}\n'


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        return near, listening.accept()[0]


class Side:
    """A client's end, and the number of the reactor's."""

    def __init__(self, loop: Loop, sent: Sequence[Any] = (), *, tcp: bool = False, **settings: Any) -> None:
        """``sent``: requests that are there before the reactor has the socket."""
        self.socket, other = tcp_pair() if tcp else socket.socketpair()
        self.socket.settimeout(PATIENCE_SECONDS)
        other.setblocking(False)
        self.send(*sent)
        self._lines = self.socket.makefile("rb")
        bounds = {"line_bytes_max": 100_000, "output_bytes_max": 1 << 20, "authenticated": True}
        self.number = loop.reactor.adopt(other.detach(), **(bounds | settings))

    def send(self, *requests: Any) -> None:
        self.socket.sendall(b"".join(json.dumps(request).encode() + b"\n" for request in requests))

    def line(self) -> Any:
        return json.loads(self._lines.readline())

    def lines(self, count: int) -> list[Any]:
        return [self.line() for _ in range(count)]

    def ask(self, *requests: Any) -> list[Any]:
        self.send(*requests)
        return self.lines(len(requests))

    def rest(self) -> bytes:
        return self._lines.read()

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


class Loop:
    """Do the work of a server's event loop by hand."""

    def __init__(self, log: Log, *, unread_bytes_max: int = 1 << 30, input_bytes_max: int = 1 << 20) -> None:
        self.log = log
        self.reactor = Reactor(
            Channel(log.committer),
            events_bytes_max=4096,
            input_bytes_max=input_bytes_max,
            input_message=TOO_MUCH,
            unread_bytes_max=unread_bytes_max,
            with_epoll=with_epoll,
        )
        self.gone: list[int] = []
        self.roomy: list[int] = []

    def news(self) -> list[Any]:
        """Waits for some; the requests among it."""
        assert select.select([self.reactor.fd], [], [], PATIENCE_SECONDS)[0], "no news came"
        requests, gone, roomy = self.reactor.news()
        self.gone += gone
        self.roomy += roomy
        return requests

    def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.news()
