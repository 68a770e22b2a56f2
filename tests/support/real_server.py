"""The server itself, in a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from fluxdb.limits import Limits
from fluxdb.net.listener import listen_tcp
from fluxdb.net.server import Server
from fluxdb.opening import open_engine

PATIENCE_SECONDS = 60


@contextlib.contextmanager
def real_server(
    path: Path, limits: Limits, new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
) -> Iterator[str]:
    """Its URL. Closed, and the folder let go of, at the end."""
    engine = open_engine(path, limits)
    loop = new_loop()
    thread = threading.Thread(target=loop.run_forever, name="real-server", daemon=True)
    thread.start()

    async def start() -> tuple[Server, str]:
        server = Server(engine)
        listening = listen_tcp("127.0.0.1", 0)
        port = listening.getsockname()[1]
        server.listen(listening)
        return server, f"fluxdb://127.0.0.1:{port}"

    try:
        server, url = asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE_SECONDS)
        try:
            yield url
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(PATIENCE_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_SECONDS)
        loop.close()
        engine.close()
