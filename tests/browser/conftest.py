"""A headless Chromium, and a live page's server in a separate thread that can be stopped and started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NEEDS_BROWSER
from tests.net.web_client import Site, serving

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WAIT_MS_MAX = 20_000


def chromium_path() -> str | None:
    """FLUXDB_CHROMIUM, or what the system has."""
    return os.environ.get("FLUXDB_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")  # while playwright runs, no other event loop can run in this thread
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip(f'{NEEDS_BROWSER}, and playwright (pip install "fluxdb[browser]")')
    path = chromium_path()
    if path is None:
        pytest.skip(f"{NEEDS_BROWSER} (apt-get install chromium; or name one: FLUXDB_CHROMIUM)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


class Server:
    """A server in a thread with its own event loop."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self._path = path
        self._settings = settings
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        ready: Future[Site] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)))
        self._thread.start()
        self._site = ready.result(20)
        self.port = self._site.web.port

    async def _run(self, ready: Future[Site]) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        try:
            async with serving(self._path, port=self.port, **self._settings) as site:
                ready.set_result(site)
                await self._end.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)

    def stop(self) -> None:
        with suppress(RuntimeError):  # it was stopped before
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def text(self, key: str) -> tuple[bytes, int] | None:
        """Return the stored value."""
        return asyncio.run_coroutine_threadsafe(self._site.engine.get_text(key), self._loop).result(20)

    def evict(self) -> None:
        """All subscribers, as if they had fallen behind."""

        async def evict() -> None:
            notify = self._site.engine.engine.notify
            with notify.dispatcher.lock:
                for feed in notify.dispatcher.all_feeds():
                    notify.dispatcher.evict(list(feed.subscribers))
                    feed.wake()
            notify.dispatch()

        asyncio.run_coroutine_threadsafe(evict(), self._loop).result(20)

    def set(self, key: str, *texts: bytes) -> None:
        """One after the other, in one burst."""

        async def write() -> None:
            await asyncio.gather(*(self._site.engine.set(key, text) for text in texts))

        asyncio.run_coroutine_threadsafe(write(), self._loop).result(20)


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def make(**settings: Any) -> Server:
        servers.append(Server(tmp_path / "data", **settings))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def open_window(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a separate window on a server; it fails the test if the page reported an error."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_one(server: Server, *, live: bool = True, url: str = "", **settings: Any) -> Any:
        context = browser.new_context(**settings)
        context.set_default_timeout(WAIT_MS_MAX)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url or server.url)
        if live:
            page.wait_for_selector('#state[data-state="live"]')
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []
