"""The engine in this process, for the tasks of one event loop."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from threading import get_ident
from typing import Any, NoReturn

from fluxdb._core.base.locked import Kept
from fluxdb._core.base.model import Document
from fluxdb._core.events.backlog import ClientBacklog
from fluxdb.engine.handle import ANY_VERSION, Written
from fluxdb.engine.local.awaiting import done_aside, finished, told
from fluxdb.engine.local.engine import DELETE, INCREMENT, PATCH, PATCH_REMOVE_NULLS, SET, TOUCH, Engine, incremented
from fluxdb.engine.local.mailbox import Mailbox
from fluxdb.engine.local.reader import ReadActor
from fluxdb.engine.local.reading import ReadingLoopEngine
from fluxdb.engine.local.task_subscriber import TaskSubscriber
from fluxdb.engine.operation import BatchWritten, Incremented, Operation
from fluxdb.engine.running_loop import running_loop
from fluxdb.errors import ClosedError
from fluxdb.storage.progress import ProgressCallback


class LoopEngine(ReadingLoopEngine):
    """A view of an Engine for tasks: of one event loop, of several in turn, or of several in separate threads."""

    def __init__(self, engine: Engine, *, closes_engine: bool) -> None:
        self._engine = engine
        self._closes_engine = closes_engine
        self._closed = False
        self._last: Mailbox | None = None  # of the loop that called last
        self._get: Callable[[str, str], Document | None] = engine.reads.get

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def forgotten(self) -> bool:
        """Would the engine stay open if this were dropped now?"""
        return self._closes_engine and not self._engine.closed

    def _mailbox(self) -> Mailbox:
        """The mailbox of the loop that calls. Raises ClosedError; RuntimeError where no loop runs."""
        self.check_open()
        self._last = mailbox = self._engine.writes.mailbox(running_loop(), Mailbox)
        return mailbox

    async def get(self, key: str, path: str = "") -> Document | None:
        return self._get(key, path)

    def readable(self) -> ReadActor:
        self.check_open()
        return self._engine.reads

    async def index_built(self) -> None:
        reads = self.readable()
        if not reads.has_index:
            await done_aside(reads.build_index, "fluxdb-index")

    def set(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, ttl_ms: int = 0, keep_ttl: bool = False
    ) -> Awaitable[Written]:
        mailbox = self._last  # looking for the running loop costs more than all the rest (a system call up to 3.11)
        # Several loops may take turns in a thread: the one that is running is the one that calls.
        if mailbox is None or mailbox.thread != get_ident() or not mailbox.loop.is_running():
            mailbox = self._mailbox()
        return mailbox.write(SET, key, text, if_version, ttl_ms, keep_ttl)  # type: ignore[return-value]  # never None

    def patch(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, remove_nulls: bool = False, ttl_ms: int = 0
    ) -> Awaitable[Written]:
        kind = PATCH_REMOVE_NULLS if remove_nulls else PATCH
        return self._mailbox().write(kind, key, text, if_version, ttl_ms)  # type: ignore[return-value]  # never None

    def touch(self, key: str, ttl_ms: int = 0, if_version: int = ANY_VERSION) -> Awaitable[Written | None]:
        return self._mailbox().write(TOUCH, key, None, if_version, ttl_ms)

    def delete(self, key: str, if_version: int = ANY_VERSION) -> Awaitable[Written | None]:
        return self._mailbox().write(DELETE, key, None, if_version)

    async def batch(self, operations: Sequence[Operation]) -> BatchWritten:
        revision, versions, _ = await self._mailbox().write_batch(operations)
        return BatchWritten(revision, versions)

    async def increment(self, key: str, by: int = 1, path: str = "", if_version: int = ANY_VERSION) -> Incremented:
        operation = Operation(INCREMENT, key, None, if_version, by=by, path=path)
        return incremented(await self._mailbox().write_batch((operation,)))

    async def subscribe(
        self, keys: Sequence[str], kept: Kept | None = None, client: ClientBacklog | None = None
    ) -> TaskSubscriber:
        """For a ``client``, which bounds what waits for all its subscribers: it says what it has sent (note_sent)."""
        mailbox = self._mailbox()  # its reader callback dispatches
        make = partial(TaskSubscriber, bell=mailbox.bell, client=client)
        return self._engine.notify.subscribe(make if kept is None else partial(kept.make, make), keys)

    async def checkpoint(self) -> int:
        self.check_open()
        asked = self._engine.snapshots.ask()
        await told(asked.when_done)
        return asked.result(0)

    async def backup(self, folder: str | os.PathLike[str], progress: ProgressCallback | None = None) -> int:
        self.check_open()
        return await finished(self._engine.start_backup(folder, progress))

    async def info(self) -> dict[str, Any]:
        self.check_open()
        return self._engine.info()

    async def ping(self) -> None:
        self.check_open()
        self._engine.ping()

    async def close(self) -> None:
        """Once it is begun it goes on to its end, whatever becomes of the task that asked."""
        self._closed = True
        self._get = _refuse
        self._last = None
        if self._closes_engine:
            await done_aside(self._engine.close, "fluxdb-close")

    def check_open(self) -> None:
        self._engine.check_open()
        if self._closed:
            raise ClosedError("the database is closed")


def _refuse(*arguments: object) -> NoReturn:
    raise ClosedError("the database is closed")
