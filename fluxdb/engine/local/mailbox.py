"""Writes from the tasks of one event loop: they never block the loop, and take as little Python per write as possible.

One compiled call stages a write, and its future joins the end of a queue. The native commit thread commits group after
group, and makes the channel's descriptor readable; the loop then resolves the futures of a whole group in one burst.
Outcomes arrive in the order of the writes, so each is matched by its position. A future that was cancelled meanwhile
keeps its position, and its outcome is dropped: a reply never shifts to the next caller.

When the filling group is full, callers wait in a separate queue, and are staged in their order of arrival.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any

from fluxdb._core.commit.channel import Channel
from fluxdb._core.events.promise import Promise, Promises
from fluxdb.engine.handle import Written
from fluxdb.engine.local.task_subscriber import LoopBell
from fluxdb.engine.operation import Operation
from fluxdb.errors import FluxDBError

# revision, versions, sums
BatchOutcome = tuple[int, list[int | None], list[int | None]]
_Outcome = Written | BatchOutcome | None


class Mailbox:
    """The writes of one event loop. To be used in that loop's thread."""

    def __init__(
        self, open_channel: Callable[[], Channel], loop: asyncio.AbstractEventLoop, dispatch: Callable[[], bool]
    ) -> None:
        self._open_channel = open_channel
        self.loop = loop
        self.thread = get_ident()
        self.bell = LoopBell(loop)
        self._dispatch = dispatch
        self._staged: Promises[_Outcome] = Promises(loop)  # in the order of submits: what each will have become
        self._add = self._staged.add
        self._waiting: deque[tuple[Promise[Any], Callable[[], object]]] = deque()  # for room, and how they are staged
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self._channel = self._open_channel()
        self._submit = self._channel.submit
        self.loop.add_reader(self._channel.fd, self._on_readable)

    def write(
        self, kind: int, key: str, text: bytes | None, if_version: int, ttl_ms: int = 0, keep_ttl: bool = False
    ) -> Promise[Written | None]:
        """Resolved when the write is durable and applied. Raises at once what is wrong with the write itself."""
        if not self._waiting:
            outcome = self._submit(kind, key, text, if_version, ttl_ms, keep_ttl)
            if outcome is not False:
                return self._add(outcome)  # type: ignore[arg-type, return-value]  # True is never returned
        return self._wait_for_room(lambda: self._submit(kind, key, text, if_version, ttl_ms, keep_ttl))

    def write_batch(self, operations: Sequence[Operation]) -> Promise[BatchOutcome]:
        """As write(), of a whole batch."""
        if not self._waiting:
            outcome = self._channel.submit_batch(operations)
            if outcome is not False:
                return self._add(outcome)  # type: ignore[arg-type, return-value]  # True is never returned
        return self._wait_for_room(lambda: self._channel.submit_batch(operations))

    def _wait_for_room(self, stage: Callable[[], object]) -> Promise[Any]:
        promise: Promise[Any] = Promise(self.loop)
        self._waiting.append((promise, stage))
        return promise

    def _on_readable(self) -> None:
        if self._channel.outstanding != len(self._staged):
            self._start_over()
        try:
            self._staged.hand_out(self._channel.collect())
            if self._waiting:
                self._stage_waiting()
            self._tell()
        except BaseException:  # a signal, in the middle of it
            self.loop.call_soon(self._on_readable)
            raise

    def _tell(self) -> None:
        """A piece of what has been committed; the next one after the others in the loop have had their turn."""
        more = True
        try:
            more = self._dispatch()
        finally:
            if more:
                self.loop.call_soon(self._tell)

    def _stage_waiting(self) -> None:
        waiting = self._waiting
        while waiting:
            promise, stage = waiting[0]
            if promise.done():  # cancelled before it was staged: nothing is written
                waiting.popleft()
                continue
            try:
                outcome = stage()
            except Exception as error:
                waiting.popleft()
                promise.set_exception(error)
                continue
            if outcome is False:
                return
            waiting.popleft()
            self._staged.put(promise, outcome)  # type: ignore[arg-type]  # True is never returned

    def _start_over(self) -> None:
        """A signal handler raised between a submit or a collect and our queue: which outcome is whose is lost."""
        self._let_go()
        self._staged.fail(_interrupted)
        self._begin()

    def _let_go(self) -> None:
        self.loop.remove_reader(self._channel.fd)
        self._channel.close()

    def close_soon(self) -> None:
        """From any thread, after the committer was closed."""
        try:
            self.loop.call_soon_threadsafe(self.close)
        except RuntimeError:  # the loop is closed: nobody waits there
            self._channel.close()

    def close(self) -> None:
        """Hand out the last outcomes, refuse those that wait for room, let go of the channel. Idempotent.

        From a callback of the loop, or when the loop is closed."""
        if self._closed:
            return
        self._closed = True
        if self.loop.is_closed():
            self._channel.close()
        else:
            self._on_readable()
            self._let_go()


def _interrupted() -> FluxDBError:
    error = FluxDBError("a signal interrupted the event loop: whether this write is durable is not known")
    error.maybe_applied = True
    return error
