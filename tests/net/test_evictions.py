"""The log's words about subscribers that fell behind."""

from __future__ import annotations

import asyncio

import pytest

from fluxdb.net.evictions import Evictions


def test_all_evictions_of_a_turn_are_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def evict() -> None:
        evictions = Evictions(asyncio.get_running_loop())
        for number in range(1_000):
            evictions.note(f"10.0.0.1:{number}")
        await asyncio.sleep(0)
        evictions.note("10.0.0.2:7")
        await asyncio.sleep(0)

    with caplog.at_level("INFO", "fluxdb.server"):
        asyncio.run(evict())
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "subscribers fell behind and were evicted: 1000, of 10.0.0.1:0, 10.0.0.1:1, 10.0.0.1:2 and 997 more",
        "subscribers fell behind and were evicted: 1, of 10.0.0.2:7",
    ]
