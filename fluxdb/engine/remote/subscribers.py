"""Subscribers to keys of a server: a bounded queue that the connection fills and one taker empties.

Nobody can take any of what one read of the socket brings (a burst) before all of it was taken apart. So, as in a feed,
a burst that is larger than the bound by itself does not count, until the next such burst. By their number, events count
that came after the taker last turned to its queue: one who waits, or was woken and has not run since, has had no
chance. Their bytes are bounded all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fluxdb.engine.handle import RawEvent
from fluxdb.engine.remote import failure, request
from fluxdb.errors import ClosedError, FluxDBError, SubscriberEvictedError
from fluxdb.limits import Limits
from fluxdb.values import keys_to_watch


class _Count(NamedTuple):
    """The sum of all events from the beginning."""

    events: int = 0
    bytes: int = 0


class RemoteSubscriber:
    """The connection's side runs in its event loop; take() and close() may be called from any thread.

    Raises InvalidKeyError; ValueError where there is no key.
    """

    def __init__(self, keys: Sequence[str], limits: Limits, on_end: Callable[[RemoteSubscriber], None]) -> None:
        self.keys = keys_to_watch(keys)
        for key in self.keys:
            request.quoted(key)
        # A revision of the current connection only: another may lead to a server that was set back to an older
        # revision.
        self.active: dict[str, int] = {}  # the keys that the server tells of, each from behind a revision
        self.after_revision = 0  # no news of any key
        self.last_revision = 0
        self.closed = False
        self._events_max = limits.subscriber_events_max
        self._bytes_max = limits.subscriber_bytes_max
        self._queue: deque[RawEvent | FluxDBError] = deque()
        self._burst: list[RawEvent] = []  # of the read that is being taken apart
        self._in = _Count()  # of the connection's side, with the burst once it is judged
        self._bytes_out = 0  # counted by the taker alone
        self._large_start, self._large_end = _Count(), _Count()  # of the last burst over the bound
        self._hungry = False  # the taker waits, or has not run since
        self._turn_events = 0  # that had come when it last began to take, having waited
        self._end: FluxDBError | None = None
        self._on_end = on_end

    # The connection's side

    def push(self, event: RawEvent) -> None:
        """The size of the burst; known after all of it."""
        after_revision = self.active.get(event[1])
        if self._end is not None or after_revision is None or event[5] <= after_revision:
            return
        self._burst.append(event)

    def judge(self) -> None:
        """The burst is over: evict a slow one."""
        if self._end is not None:
            return
        start = self._in
        self._in = _Count(start.events + len(self._burst), start.bytes + sum(map(event_bytes, self._burst)))
        bytes_over = self._in.bytes - start.bytes > self._bytes_max
        if len(self._burst) > self._events_max or (bytes_over and len(self._burst) > 1):
            self._large_start, self._large_end = start, self._in
        if self._is_slow():
            self.evict()

    def _is_slow(self) -> bool:
        waiting = len(self._queue) + len(self._burst)
        if waiting <= 1:
            return False
        out = _Count(self._in.events - waiting, self._bytes_out)
        left_bytes = self._in.bytes - out.bytes
        if out.events < self._large_end.events:
            left_bytes -= self._large_end.bytes - max(out.bytes, self._large_start.bytes)
        if left_bytes > self._bytes_max and self._events_from(out.events) > 1:
            return True
        return not self._hungry and self._events_from(max(out.events, self._turn_events)) > self._events_max

    def _events_from(self, number: int) -> int:
        """From the one of that number on, without those of the last burst over the bound."""
        events = self._in.events - number
        if number < self._large_end.events:
            events -= self._large_end.events - max(number, self._large_start.events)
        return events

    def tell(self) -> None:
        """Let the taker have the burst."""
        self._hand_over()
        self.wake()

    def _hand_over(self) -> None:
        self._queue.extend(self._burst)
        self._burst = []
        if self.closed:  # perhaps just now, by the taker
            self._queue.clear()

    def evict(self) -> None:
        """It fell behind: what was not taken is gone."""
        self._burst = []
        self._queue.clear()
        self.end(SubscriberEvictedError(self.last_revision))
        self.leave()

    def leave(self) -> None:
        """Have its keys asked for no more."""
        self._on_end(self)

    def interrupt(self, error: FluxDBError) -> None:
        """The connection was lost: tell, behind the events before, that some may have been missed. Others follow."""
        if self.active and self._end is None and not self._is_told_last():
            self._queue.append(error)
            self.wake()
        self.active.clear()
        self.after_revision = 0

    def _is_told_last(self) -> bool:
        """Is the last that waits for the taker, who may take it just now, an interruption?"""
        try:
            return isinstance(self._queue[-1], FluxDBError)
        except IndexError:
            return False

    def end(self, error: FluxDBError) -> None:
        """Nothing comes any more; what is there can still be taken."""
        self._hand_over()
        if self._end is None:
            self._end = error
        self.wake()

    # The taker's side

    def take(self) -> RawEvent | None:
        item: RawEvent | FluxDBError | None
        if self._hungry:
            self._hungry = False
            self._turn_events = self._in.events
        end = self._end  # read first: events in between are delivered before it
        try:
            item = self._queue.popleft()
        except IndexError:
            item = end
        if item is None:
            return None
        if isinstance(item, FluxDBError):
            raise failure.copy_of(item)
        self._bytes_out += event_bytes(item)
        following = self._queue[0] if self._queue else None
        if item[5] == item[6] or (isinstance(following, tuple) and following[6] != item[6]):
            self.last_revision = item[6]  # of a batch when all of it was taken, as far as is known
        return item

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._end = ClosedError("the subscription was closed")
            self._queue.clear()
            self.wake()
            self._on_end(self)

    def wake(self) -> None:
        """Let the taker look again."""

    @property
    def has_news(self) -> bool:
        return bool(self._queue) or self._end is not None


def event_bytes(event: RawEvent) -> int:
    """Return roughly what an event holds."""
    key, old, new = event[1:4]
    return len(key) + len(old or b"") + len(new or b"")


class ThreadSubscriber(RemoteSubscriber):
    """The taker is a thread."""

    def __init__(self, keys: Sequence[str], limits: Limits, on_end: Callable[[RemoteSubscriber], None]) -> None:
        super().__init__(keys, limits, on_end)
        self._gate: threading.Lock | None = None

    def wait(self, timeout_seconds: float | None) -> None:
        self._hungry = True
        gate = threading.Lock()
        gate.acquire()
        self._gate = gate
        try:
            if not self.has_news:
                gate.acquire(timeout=-1 if timeout_seconds is None else min(timeout_seconds, threading.TIMEOUT_MAX))
        finally:
            self._gate = None

    def wake(self) -> None:
        gate = self._gate
        if gate is not None:
            with contextlib.suppress(RuntimeError):  # it is open already
                gate.release()


class TaskSubscriber(RemoteSubscriber):
    """The takers are tasks of the connection's event loop."""

    def __init__(
        self,
        keys: Sequence[str],
        limits: Limits,
        on_end: Callable[[RemoteSubscriber], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(keys, limits, on_end)
        self._loop = loop
        self._waiting: list[asyncio.Future[None]] = []

    def wait(self) -> asyncio.Future[None]:
        self._hungry = True
        future = self._loop.create_future()
        self._waiting = [other for other in self._waiting if not other.done()]
        self._waiting.append(future)
        if self.has_news:
            future.set_result(None)
        return future

    def wake(self) -> None:
        if asyncio._get_running_loop() is self._loop:
            self._resolve()
        elif not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):  # it was closed just now: nobody waits there
                self._loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
