"""The event loop that runs here. Only asyncio's, and what stands in for it, is one to the engine."""

from __future__ import annotations

import asyncio


def running_loop() -> asyncio.AbstractEventLoop:
    """Raises RuntimeError where no event loop of asyncio runs in this thread, with the way out."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        message = (
            "fluxdb.aio runs in an event loop of asyncio, or of uvloop, and none is running here: under trio, "
            "call the blocking fluxdb.open in threads (trio.to_thread.run_sync)"
        )
        raise RuntimeError(message) from None
