"""The contract's engines behind a server: the server has the folder, the test has the client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fluxdb
from fluxdb import Limits
from tests.contract.engines import Awaited, LoopThread, Store
from tests.support.small_server import small_server


@contextmanager
def open_remote(path: Path, limits: Limits) -> Iterator[Store]:
    with small_server(path, limits=limits) as server, fluxdb.open(server.url, limits=limits) as db:
        yield db


@contextmanager
def open_remote_awaited(path: Path, limits: Limits) -> Iterator[Store]:
    with small_server(path, limits=limits) as server:

        async def opened() -> fluxdb.aio.FluxDB:
            return await fluxdb.aio.open(server.url, limits=limits)

        thread = LoopThread()
        try:
            db = thread.run(opened())
            try:
                yield Awaited(thread, db)
            finally:
                thread.run(db.close())
        finally:
            thread.close()
