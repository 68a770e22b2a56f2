"""How the tasks of one event loop write: never blocking the loop, in as little Python per write as can be.

A write is staged by one compiled call, and its future put at the end of a queue. The native commit thread commits
group after group, and makes the channel's descriptor readable; the loop then resolves the futures of a whole group in
one burst. Outcomes come in the order of the writes, so each is matched by its place. A future that was cancelled
meanwhile keeps its place, and its outcome is dropped: a reply never shifts to the next caller.

When the filling group is full, callers wait in a queue of their own, and are staged in the order in which they came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import repeat

from fluxdb._core.channel import Channel
from fluxdb.engine.feed import call_in_loop
from fluxdb.engine.handle import Written
from fluxdb.errors import ClosedError

# kind, key, text, if_version
_Command = tuple[int, str, bytes | None, int]
_Outcome = Written | None
_Future = asyncio.Future[_Outcome]


class Mailbox:
    """The writes of one event loop. To be used in that loop's thread."""

    def __init__(self, channel: Channel, loop: asyncio.AbstractEventLoop, dispatch: Callable[[], None]) -> None:
        self._channel = channel
        self._loop = loop
        self._dispatch = dispatch
        self._submit = channel.submit
        self._create_future: Callable[[], _Future] = loop.create_future
        self._staged: deque[tuple[_Future, _Outcome]] = deque()  # in the order of submits: what each will have become
        self._waiting: deque[tuple[_Future, _Command]] = deque()  # for room
        self._closed = False
        loop.add_reader(channel.fd, self._on_readable)

    def write(self, kind: int, key: str, text: bytes | None, if_version: int) -> _Future:
        """Resolved when the write is durable and applied. Raises at once what is wrong with the write itself."""
        if self._waiting:
            return self._wait_for_room((kind, key, text, if_version))
        outcome = self._submit(kind, key, text, if_version)
        if outcome is False:
            return self._wait_for_room((kind, key, text, if_version))
        future = self._create_future()
        self._staged.append((future, outcome))  # type: ignore[arg-type]  # True is never returned
        return future

    def _wait_for_room(self, command: _Command) -> _Future:
        if self._closed:
            raise ClosedError("the database is closed")
        future = self._create_future()
        self._waiting.append((future, command))
        return future

    def _on_readable(self) -> None:
        outcomes = self._channel.collect()
        take = self._staged.popleft
        if isinstance(outcomes, int):
            for _ in repeat(None, outcomes):
                future, outcome = take()
                if not future.done():
                    future.set_result(outcome)
        else:
            for error in outcomes:
                future, outcome = take()
                if future.done():
                    continue
                if isinstance(error, Exception):
                    future.set_exception(error)
                else:
                    future.set_result(outcome)
        if self._waiting:
            self._stage_waiting()
        self._dispatch()

    def _stage_waiting(self) -> None:
        waiting = self._waiting
        while waiting:
            future, command = waiting[0]
            if future.done():  # cancelled before it was staged: nothing is written
                waiting.popleft()
                continue
            try:
                outcome = self._submit(*command)
            except Exception as error:
                waiting.popleft()
                future.set_exception(error)
                continue
            if outcome is False:
                return
            waiting.popleft()
            self._staged.append((future, outcome))  # type: ignore[arg-type]  # True is never returned

    def close_soon(self) -> None:
        """From any thread, after the committer was closed."""
        if self._loop.is_closed():
            self.close()
        else:
            call_in_loop(self._loop, self.close)

    def close(self) -> None:
        """Hand out the last outcomes, refuse those that wait for room, let go of the channel. Idempotent."""
        if self._closed:
            return
        if not self._loop.is_closed():
            self._on_readable()
            self._loop.remove_reader(self._channel.fd)
        self._closed = True
        self._channel.close()
