"""Event loops for tests: which kind, and running a test on one with an asynchronous database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import uvloop

import fluxdb
from fluxdb import Event, Limits
from fluxdb.aio import FluxDB

T = TypeVar("T")

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}

Test = Callable[[FluxDB], Awaitable[None]]


def run(path: Path, test: Test, limits: Limits = fluxdb.DEFAULT_LIMITS) -> None:
    async def within() -> None:
        async with fluxdb.aio.open(path, limits=limits) as db:
            await asyncio.wait_for(test(db), 120)

    asyncio.run(within())


async def anext_of(events: fluxdb.aio.Subscription) -> Event:
    return await events.__anext__()


def run_on(kind: str, coroutine: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run, on a loop of that kind."""
    loop = LOOPS[kind]()
    try:
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(coroutine)
        finally:
            loop.run_until_complete(_end_the_rest())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _end_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
