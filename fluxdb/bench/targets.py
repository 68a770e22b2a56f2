"""The measured target of some settings: a database in this process, a server started for the run, or a running one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxdb.bench.connections import connected
from fluxdb.bench.folder import folder_for
from fluxdb.bench.in_process import Coroutines, Threads
from fluxdb.bench.network import NetworkTarget
from fluxdb.bench.own_server import own_server
from fluxdb.bench.requests import FLUX
from fluxdb.bench.work import Target
from fluxdb.engine.remote.address import Address

DEADLINE_SECONDS = 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one run of the benchmark. ``timeout``: seconds that a server may be silent."""

    network: bool = False
    address: Address | None = None  # None: a server started for the run
    protocol: str = FLUX
    concurrency: int = 100  # coroutines, threads or connections
    pipeline: int = 1
    threads: bool = False
    data_dir: Path | None = None  # None: a temporary one
    password: str | None = None
    timeout: float = 30.0

    @property
    def mode(self) -> str:
        if self.network:
            return "network"
        return "threads" if self.threads else "asyncio"

    def members(self) -> dict[str, Any]:
        """Return the settings for JSON, without the password."""
        return {
            "mode": self.mode,
            "address": None if self.address is None else str(self.address),
            "protocol": self.protocol if self.network else None,
            "concurrency": self.concurrency,
            "pipeline": self.pipeline if self.network else None,
        }


@contextlib.contextmanager
def open_target(settings: Settings) -> Iterator[Target]:
    """Open the target. Raises FluxDBError, OSError if it can't be opened or reached."""
    with contextlib.ExitStack() as stack:
        if settings.network:
            yield _server(settings, stack)
        else:
            kind = Threads if settings.threads else Coroutines
            folder = stack.enter_context(folder_for(settings.data_dir))
            yield stack.enter_context(contextlib.closing(kind(folder, settings.concurrency)))


def _server(settings: Settings, stack: contextlib.ExitStack) -> NetworkTarget:
    address, password = settings.address, settings.password
    if address is None:
        folder = stack.enter_context(folder_for(settings.data_dir))
        address = stack.enter_context(own_server(folder, connections=settings.concurrency))
        password = None
    sockets = stack.enter_context(
        connected(address, settings.protocol, password, count=settings.concurrency, timeout=settings.timeout)
    )
    return NetworkTarget(
        sockets, settings.protocol, settings.pipeline, timeout=settings.timeout, deadline=DEADLINE_SECONDS
    )
