"""The engine in this process, for the tasks of one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from fluxdb._core.promise import Promise
from fluxdb.engine.handle import ANY_VERSION, AsyncEngineHandle, Written
from fluxdb.engine.mailbox import Mailbox
from fluxdb.engine.runtime import DELETE, PATCH, PATCH_REMOVE_NULLS, SET, Engine
from fluxdb.engine.task_subscriber import LoopBell, TaskSubscriber
from fluxdb.errors import ClosedError
from fluxdb.model import Document


class LoopEngine(AsyncEngineHandle):
    """A view of an Engine, which belongs to the loop in which it first writes or subscribes."""

    def __init__(self, engine: Engine, *, closes_engine: bool) -> None:
        self._engine = engine
        self._closes_engine = closes_engine
        self._closed = False
        self._bell: LoopBell | None = None
        self._get = engine.reads.get
        self._write: Callable[[int, str, bytes | None, int], Promise[Written | None]] = self._first_write

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def forgotten(self) -> bool:
        """Would the engine stay open if this were dropped now?"""
        return self._closes_engine and not self._closed and not self._engine.closed

    def _mailbox(self) -> tuple[Mailbox, asyncio.AbstractEventLoop]:
        self._check_open()
        loop = asyncio.get_running_loop()
        return self._engine.writes.mailbox(loop, Mailbox), loop

    def _first_write(self, kind: int, key: str, text: bytes | None, if_version: int) -> Promise[Written | None]:
        self._write = self._mailbox()[0].write  # from now on without this detour
        return self._write(kind, key, text, if_version)

    async def get(self, key: str) -> Document | None:
        return self._get(key)

    async def get_text(self, key: str) -> tuple[bytes, int] | None:
        self._check_open()
        return self._engine.get_text(key)

    def set(self, key: str, text: bytes, if_version: int = ANY_VERSION) -> Awaitable[Written]:
        return self._write(SET, key, text, if_version)  # type: ignore[return-value]  # None is for DELETE alone

    def patch(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, *, remove_nulls: bool = False
    ) -> Awaitable[Written]:
        kind = PATCH_REMOVE_NULLS if remove_nulls else PATCH
        return self._write(kind, key, text, if_version)  # type: ignore[return-value]  # None is for DELETE alone

    def delete(self, key: str, if_version: int = ANY_VERSION) -> Awaitable[Written | None]:
        return self._write(DELETE, key, None, if_version)

    async def subscribe(self, keys: Sequence[str]) -> TaskSubscriber:
        _, loop = self._mailbox()  # its reader callback dispatches
        if self._bell is None or self._bell.loop is not loop:
            self._bell = LoopBell(loop)
        return self._engine.notify.subscribe(partial(TaskSubscriber, bell=self._bell), keys)

    async def checkpoint(self) -> int:
        self._check_open()
        return await asyncio.wrap_future(self._engine.snapshots.ask())

    async def info(self) -> dict[str, Any]:
        self._check_open()
        return self._engine.info()

    async def ping(self) -> None:
        self._check_open()
        self._engine.ping()

    async def close(self) -> None:
        self._closed = True
        if self._closes_engine:
            await asyncio.to_thread(self._engine.close)
        self._get = _refuse
        self._write = _refuse

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the database is closed")


def _refuse(*arguments: object) -> NoReturn:
    raise ClosedError("the database is closed")
