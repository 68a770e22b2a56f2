"""The contract's engines behind a server: the server has the folder, the test has the client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fluxdb
from fluxdb import Limits
from tests.contract.engines import Awaited, LoopThread, NewLoop, Store
from tests.support.real_server import real_server


@contextmanager
def open_remote(path: Path, limits: Limits) -> Iterator[Store]:
    with real_server(path, limits) as url, fluxdb.open(url, limits=limits) as db:
        yield db


@contextmanager
def open_remote_awaited(path: Path, limits: Limits, new_loop: NewLoop = asyncio.new_event_loop) -> Iterator[Store]:
    """Server and client each on a loop of that kind."""
    with real_server(path, limits, new_loop) as url:

        async def opened() -> fluxdb.aio.FluxDB:
            return await fluxdb.aio.open(url, limits=limits)

        thread = LoopThread(new_loop)
        try:
            db = thread.run(opened())
            try:
                yield Awaited(thread, db)
            finally:
                thread.run(db.close())
        finally:
            thread.close()
