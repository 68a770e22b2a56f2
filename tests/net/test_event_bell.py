"""The bell of an event loop: everyone for whom it was rung is served, whatever fails meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import pytest

from fluxdb.net import subscriptions
from fluxdb.net.subscriptions import ConnectionSubscriber, EventBell


class Subscriber:
    def __init__(self, deliveries: Deliveries) -> None:
        self.deliveries, self.waiting = deliveries, True


class Deliveries:
    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.served: list[Subscriber] = []

    def deliver(self, subscribers: Iterable[ConnectionSubscriber]) -> None:
        if self.failures:
            raise self.failures.pop()
        self.served += cast(Any, subscribers)


def test_no_memory_for_one_client_leaves_nobody_unserved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "AGAIN_SECONDS", 0.001)
    poor, other = Deliveries(MemoryError()), Deliveries()
    first, second = Subscriber(poor), Subscriber(other)
    told: list[Any] = []

    async def ring() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        bell = EventBell(loop)
        bell.ring([first])
        bell.ring([second])
        await asyncio.sleep(0)
        assert other.served == [second], "those behind are served in the same turn"
        while not poor.served:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(ring(), 30))
    assert poor.served == [first]
    assert not (first.waiting or second.waiting)
    assert [type(error) for error in told] == [MemoryError]
