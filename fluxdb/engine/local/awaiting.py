"""Waiting in an event loop for work that a thread does."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

from fluxdb.engine import threads
from fluxdb.engine.asked import Asked
from fluxdb.engine.local.backup import Backup
from fluxdb.engine.running_loop import running_loop


async def told(when_done: Callable[[Callable[[], None]], None]) -> None:
    """Return when it is done."""
    loop = running_loop()
    done = asyncio.Event()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits there
            loop.call_soon_threadsafe(done.set)

    when_done(tell)
    await done.wait()


async def finished(backup: Backup) -> int:
    """Wait for a backup's end, and return its revision. A task that is cancelled ends the backup."""
    try:
        await told(backup.asked.when_done)
    except BaseException:
        backup.stop()
        raise
    return backup.asked.result(0)


async def done_aside(work: Callable[[], None], name: str) -> None:
    """Run it in a separate thread: the loop's pool may be busy, and work that waits there can be cancelled."""
    outcome: Asked[None] = Asked()

    def run() -> None:
        try:
            work()
        except BaseException as error:
            outcome.set_error(error)
        else:
            outcome.set_result(None)

    threads.start(threading.Thread(target=run, name=name))
    await told(outcome.when_done)
    outcome.result(0)
