"""What the clients of one server share: the engine, the limits, the password, and what is counted of them.

A client knows its service, not the server: the server makes the clients, and ends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from fluxdb._core.commit.channel import Channel
from fluxdb._core.serve.sans_io import Connection, Hub
from fluxdb.engine.local.engine import Engine
from fluxdb.limits import ServerLimits
from fluxdb.net.evictions import Evictions
from fluxdb.net.passwords import Password


class LoopClient(Protocol):
    """A client that the event loop serves."""

    @property
    def connection(self) -> Connection: ...
    def drain(self) -> None:
        """Take no more requests; go when all that was asked for is answered."""


C = TypeVar("C", bound=LoopClient)


class Service(Generic[C]):
    """Used in the thread of a running event loop. ``C``: the clients that this loop serves."""

    answer: Callable[..., None]  # a request that is rare; see answers

    def __init__(self, engine: Engine, limits: ServerLimits, password: bytes | None) -> None:
        self.engine = engine
        self.limits = limits
        self.password = None if password is None else Password(password)
        self.loop = asyncio.get_running_loop()
        self.hub = Hub(Channel(engine.committer))
        self.tick = 0  # counted on about once a second
        self.input_bytes = 0  # in requests that are not whole
        self.client_backlog = partial(engine.notify.client_backlog, limits.client_event_bytes_max)  # makes one
        self.note_eviction = Evictions(self.loop).note  # of a subscriber, by the address of its client
        self.closing = False
        self._clients: dict[Connection, C] = {}
        self._gone = asyncio.Event()  # whenever a client went

    def info(self) -> dict[str, Any]:
        """State, counters, limits. Raises ClosedError."""
        return self.engine.info()

    def count(self, kind: str, refused: bool) -> None:
        """One more request that Python answered."""
        self.hub.count(kind, refused)

    def add(self, client: C) -> None:
        self._clients[client.connection] = client
        if self.closing:
            client.drain()

    def has(self, client: C) -> bool:
        return client.connection in self._clients

    def remove(self, client: C) -> None:
        self._clients.pop(client.connection, None)
        self.note_gone()

    def note_gone(self) -> None:
        self._gone.set()
