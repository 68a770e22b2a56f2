"""The event loop that runs here. The engine accepts only asyncio's, and its replacements."""

from __future__ import annotations

import asyncio


def running_loop() -> asyncio.AbstractEventLoop:
    """Return asyncio's running loop. Raises RuntimeError, with the way out, if none runs in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        message = (
            "fluxdb.aio runs in an event loop of asyncio, or of uvloop, and none is running here: under trio, "
            "call the blocking fluxdb.open in threads (trio.to_thread.run_sync)"
        )
        raise RuntimeError(message) from None
