"""Closing from a task, whatever becomes of the task."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fluxdb
from fluxdb import ClosedError, Document


def test_a_close_that_is_cancelled_goes_on_though_the_pool_of_the_loop_is_busy(tmp_path: Path) -> None:
    busy = threading.Event()

    async def within() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        db = await fluxdb.aio.open(tmp_path)
        await db.set("k", 1)
        waiting = loop.run_in_executor(None, busy.wait, 30)
        closing = asyncio.ensure_future(db.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(ClosedError):
            await db.get("k")
        await db.close()  # waits for the one that was begun
        with fluxdb.open(tmp_path) as again:
            assert again.get("k") == Document(1, 1)
        busy.set()
        await waiting

    asyncio.run(within())
