"""The shared part of one server's clients: the engine, the limits, the password, and the counters.

A client knows its service, not the server: the server makes the clients, and ends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from fluxdb.engine.local.engine import Engine
from fluxdb.limits import ServerLimits
from fluxdb.net.evictions import Evictions
from fluxdb.net.passwords import Password


class Service:
    """Used in the thread of a running event loop."""

    answer: Callable[..., None]  # for a rare request; see answers
    count: Callable[[str, bool], None]  # counts a request that Python answered: its kind, and whether it was rejected

    def __init__(self, engine: Engine, limits: ServerLimits, password: bytes | None) -> None:
        self.engine = engine
        self.limits = limits
        self.password = None if password is None else Password(password)
        self.loop = asyncio.get_running_loop()
        self.client_backlog = partial(engine.notify.client_backlog, limits.client_event_bytes_max)  # makes one
        self.note_eviction = Evictions(self.loop).note  # counts an evicted subscriber by the address of its client
        self.closing = False
        self._gone = asyncio.Event()  # set whenever a client went

    def info(self) -> dict[str, Any]:
        """Return state, counters, limits. Raises ClosedError."""
        return self.engine.info()

    def note_gone(self) -> None:
        self._gone.set()
