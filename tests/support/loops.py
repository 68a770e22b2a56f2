"""Running a test with an asynchronous database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import fluxdb
from fluxdb import Event, Limits
from fluxdb.aio import FluxDB

Test = Callable[[FluxDB], Awaitable[None]]


def run(path: Path, test: Test, limits: Limits = fluxdb.DEFAULT_LIMITS) -> None:
    async def within() -> None:
        async with fluxdb.aio.open(path, limits=limits) as db:
            await asyncio.wait_for(test(db), 120)

    asyncio.run(within())


async def anext_of(events: fluxdb.aio.Subscription) -> Event:
    return await events.__anext__()
