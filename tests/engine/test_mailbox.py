"""The mailbox of an event loop, over a channel under the test's control."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

import pytest

from fluxdb._core.commit.channel import Channel
from fluxdb._core.events.promise import Promise
from fluxdb.engine.local.mailbox import Mailbox
from fluxdb.errors import FluxDBError, VersionConflictError


class FakeChannel:
    """Takes ``room`` writes, and settles them on request."""

    def __init__(self) -> None:
        self.fd, self._bell = os.pipe()
        os.set_blocking(self.fd, False)
        self.room = 1_000
        self.submitted: list[str] = []
        self.outstanding = 0
        self.settled: list[object] = []
        self.raise_after_submit: BaseException | None = None
        self.raise_after_collect: BaseException | None = None
        self.closed = False

    def submit(
        self,
        kind: int,
        key: str,
        text: bytes | None,
        if_version: int = -1,
        ttl_ms: int = 0,
        keep_ttl: bool = False,
    ) -> tuple[int, int] | bool:
        if key == "bad":
            raise VersionConflictError("k", 1, 2)
        if self.outstanding >= self.room:
            return False
        self.submitted.append(key)
        self.outstanding += 1
        if self.raise_after_submit is not None:
            raise self.raise_after_submit
        return len(self.submitted), len(self.submitted)

    def settle(self, *outcomes: object) -> None:
        self.settled += outcomes
        os.write(self._bell, b"!")

    def collect(self) -> int | list[object]:
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 100)
        settled, self.settled = self.settled, []
        self.outstanding -= len(settled)
        if self.raise_after_collect is not None:
            error, self.raise_after_collect = self.raise_after_collect, None
            raise error
        return settled if any(settled) else len(settled)

    def close(self) -> None:
        if not self.closed:
            os.close(self.fd)
            os.close(self._bell)
        self.closed = True


class Bench:
    """A mailbox in a running loop; a channel for each time that it begins."""

    def __init__(self) -> None:
        self.channels: list[FakeChannel] = []
        self.dispatched = 0
        self.more_to_dispatch = 0  # pieces
        self.raise_in_dispatch: BaseException | None = None
        self.mailbox = Mailbox(self._open, asyncio.get_running_loop(), self._dispatch)

    def _open(self) -> Channel:
        self.channels.append(FakeChannel())
        return cast("Channel", self.channels[-1])

    def _dispatch(self) -> bool:
        error, self.raise_in_dispatch = self.raise_in_dispatch, None
        if error is not None:
            raise error
        self.dispatched += 1
        self.more_to_dispatch = max(0, self.more_to_dispatch - 1)
        return self.more_to_dispatch > 0

    @property
    def channel(self) -> FakeChannel:
        return self.channels[-1]

    def write(self, key: str) -> Promise[tuple[int, int] | None]:
        return self.mailbox.write(1, key, b"1", -1)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.channel.fd)
        for channel in self.channels:
            channel.close()


@pytest.fixture
def run() -> Iterator[Callable[[Callable[[Bench], Awaitable[None]]], None]]:
    async def within(test: Callable[[Bench], Awaitable[None]]) -> None:
        bench = Bench()
        try:
            await asyncio.wait_for(test(bench), 30)
        finally:
            bench.close()

    yield lambda test: asyncio.run(within(test))


Run = Callable[[Callable[[Bench], Awaitable[None]]], None]


def test_outcomes_go_to_their_writes_in_order(run: Run) -> None:
    async def test(bench: Bench) -> None:
        futures = [bench.write(key) for key in "abc"]
        bench.channel.settle(None, None)
        assert [await futures[0], await futures[1]] == [(1, 1), (2, 2)]
        assert not futures[2].done()
        bench.channel.settle(None)
        assert await futures[2] == (3, 3)
        await asyncio.sleep(0)
        assert bench.dispatched == 2

    run(test)


def test_an_error_goes_to_its_write_alone(run: Run) -> None:
    async def test(bench: Bench) -> None:
        futures = [bench.write(key) for key in "abc"]
        bench.channel.settle(None, VersionConflictError("k", 1, 2), None)
        assert await futures[0] == (1, 1)
        with pytest.raises(VersionConflictError):
            await futures[1]
        assert await futures[2] == (3, 3)

    run(test)


@pytest.mark.parametrize("cancelled", [(0,), (1,), (0, 2), (0, 1, 2, 3)])
def test_a_cancelled_write_never_shifts_anothers_reply(run: Run, cancelled: tuple[int, ...]) -> None:
    async def test(bench: Bench) -> None:
        futures = [bench.write(key) for key in "abcd"]
        for place in cancelled:
            futures[place].cancel()
        bench.channel.settle(None, None, VersionConflictError("k", 1, 2), None)
        last = bench.write("e")
        bench.channel.settle(None)
        assert await last == (5, 5)
        for place in {0, 1, 3} - set(cancelled):
            assert futures[place].result() == (place + 1, place + 1)
        if 2 not in cancelled:
            assert isinstance(futures[2].exception(), VersionConflictError)

    run(test)


def test_a_refusal_of_the_write_itself_is_raised_at_once(run: Run) -> None:
    async def test(bench: Bench) -> None:
        with pytest.raises(VersionConflictError):
            bench.write("bad")
        future = bench.write("a")
        bench.channel.settle(None)
        assert await future == (1, 1)

    run(test)


def test_who_waits_for_room_is_staged_in_order_of_coming(run: Run) -> None:
    async def test(bench: Bench) -> None:
        bench.channel.room = 2
        futures = [bench.write(key) for key in "abcdef"]
        assert bench.channel.submitted == ["a", "b"]
        futures[3].cancel()
        bench.channel.settle(None)
        await futures[0]
        bench.channel.settle(None, None)
        await futures[2]
        late = bench.write("g")
        bench.channel.settle(None, None)
        await futures[5]
        bench.channel.settle(None)
        await late
        assert bench.channel.submitted == ["a", "b", "c", "e", "f", "g"]

    run(test)


def test_a_waiting_write_that_turns_out_bad_is_told_and_the_next_is_staged(run: Run) -> None:
    async def test(bench: Bench) -> None:
        bench.channel.room = 1
        first, full, bad, good = [bench.write(key) for key in ("a", "b", "bad", "c")]
        bench.channel.settle(None)
        await first
        bench.channel.settle(None)
        assert await full == (2, 2)
        with pytest.raises(VersionConflictError):
            await bad
        bench.channel.settle(None)
        assert await good == (3, 3)

    run(test)


def test_room_that_others_made_is_taken(run: Run) -> None:
    async def test(bench: Bench) -> None:
        bench.channel.room = 0
        future = bench.write("a")
        bench.channel.room = 1
        bench.channel.settle()
        bench.channel.settle()
        while not bench.channel.submitted:
            await asyncio.sleep(0)
        bench.channel.settle(None)
        assert await future == (1, 1)

    run(test)


def test_a_signal_between_submit_and_the_queue_shifts_no_reply(run: Run) -> None:
    async def test(bench: Bench) -> None:
        before = bench.write("a")
        bench.channel.raise_after_submit = RuntimeError("from a signal handler")
        with pytest.raises(RuntimeError):
            bench.write("lost")
        bench.channel.raise_after_submit = None
        bench.channel.settle(None, None)
        with pytest.raises(FluxDBError, match="signal") as caught:
            await before
        assert caught.value.maybe_applied
        after = bench.write("b")
        assert len(bench.channels) == 2
        assert bench.channels[0].closed
        bench.channel.settle(None)
        assert await after == (1, 1)

    run(test)


def test_a_signal_while_outcomes_are_collected_leaves_nobody_waiting(run: Run) -> None:
    async def test(bench: Bench) -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        futures = [bench.write(key) for key in "ab"]
        bench.channel.raise_after_collect = RuntimeError("from a signal handler")
        bench.channel.settle(None, None)
        for future in futures:
            with pytest.raises(FluxDBError, match="signal"):
                await future
        assert len(told) == 1

    run(test)


def test_a_signal_before_events_are_dispatched_only_puts_it_off(run: Run) -> None:
    async def test(bench: Bench) -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        future = bench.write("a")
        bench.raise_in_dispatch = RuntimeError("from a signal handler")
        bench.channel.settle(None)
        await future
        while not bench.dispatched:
            await asyncio.sleep(0)
        assert len(told) == 1

    run(test)


def test_events_are_dispatched_in_pieces_and_others_run_in_between(run: Run) -> None:
    async def test(bench: Bench) -> None:
        future = bench.write("a")
        bench.more_to_dispatch = 10
        bench.channel.settle(None)
        await future
        seen = set()
        while bench.more_to_dispatch:
            seen.add(bench.dispatched)
            await asyncio.sleep(0)
        assert bench.dispatched == 10
        assert len(seen) > 5

    run(test)


def test_a_signal_between_two_pieces_of_events_only_puts_the_second_off(run: Run) -> None:
    async def test(bench: Bench) -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        future = bench.write("a")
        bench.more_to_dispatch = 3
        bench.channel.settle(None)
        await future
        while not bench.dispatched:
            await asyncio.sleep(0)
        bench.raise_in_dispatch = RuntimeError("from a signal handler")
        while bench.more_to_dispatch:
            await asyncio.sleep(0)
        assert len(told) == 1

    run(test)


def test_closing_hands_out_what_is_settled(run: Run) -> None:
    async def test(bench: Bench) -> None:
        future = bench.write("a")
        bench.channel.settle(None)
        bench.mailbox.close()
        bench.mailbox.close()
        assert await future == (1, 1)
        assert bench.channel.closed

    run(test)
