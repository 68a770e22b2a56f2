"""The bound of the log, with the actor that writes checkpoints: nobody waits for ever."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import fluxdb
import fluxdb.aio
from fluxdb.engine.local import maintenance as snapshot_actor
from fluxdb.errors import ClosedError, DiskFullError
from fluxdb.limits import KIB, Limits
from fluxdb.storage import database as database_module

BOUND = 256 * KIB
LIMITS = Limits(log_bytes_max=BOUND, segment_bytes=64 * KIB, group_bytes_max=64 * KIB, checkpoint_interval_seconds=0)
NEVER = replace(LIMITS, checkpoint_log_bytes=0)
VALUE = "x" * 2000
# The filling and the syncing group may be behind the write that reached the bound.
LOG_BYTES_MAX = BOUND + 2 * LIMITS.group_bytes_max


def no_room(*_: object) -> None:
    raise DiskFullError("no room") from OSError(errno.ENOSPC, "no room")


def log_files_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.glob("log-*"))


@pytest.mark.parametrize("limits", [LIMITS, NEVER], ids=["due by bytes", "never due by bytes"])
def test_g11_the_log_stays_within_its_bound_under_writers(tmp_path: Path, limits: Limits) -> None:
    with fluxdb.open(tmp_path, limits=limits) as db:
        for i in range(600):
            db.set(f"k{i % 10}", VALUE)
            info = db.info()
            assert info["log_bytes"] <= LOG_BYTES_MAX
        assert info["checkpoints"] >= 3
        assert log_files_bytes(tmp_path) <= 4 * LOG_BYTES_MAX


def test_g11_the_log_stays_within_its_bound_under_tasks(tmp_path: Path) -> None:
    async def write(db: fluxdb.aio.FluxDB, task: int) -> None:
        for i in range(100):
            await db.set(f"k{task}-{i % 10}", VALUE)

    async def main() -> None:
        async with await fluxdb.aio.open(tmp_path, limits=LIMITS) as db:
            await asyncio.wait_for(asyncio.gather(*(write(db, task) for task in range(10))), 120)
            info = await db.info()
            assert info["log_bytes"] <= LOG_BYTES_MAX
            assert info["revision"] == 1000

    asyncio.run(main())


def test_a_full_log_whose_checkpoint_fails_refuses_writes_until_one_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_actor, "RETRY_SECONDS_MIN", 0.05)
    with fluxdb.open(tmp_path, limits=LIMITS) as db:
        with monkeypatch.context() as patch:
            patch.setattr(database_module, "write_snapshot", no_room)
            with pytest.raises(DiskFullError, match="log_bytes_max") as caught:
                for i in range(1000):
                    db.set(f"k{i}", VALUE)
            assert not caught.value.maybe_applied
            assert db.get("k0") is not None, "reads go on"
        deadline = time.monotonic() + 30
        while True:  # nothing but the actor's own next try is needed
            try:
                db.set("later", 1)
                break
            except DiskFullError:
                assert time.monotonic() < deadline
                time.sleep(0.01)
    with fluxdb.open(tmp_path, limits=LIMITS) as db:
        assert db.get("later") is not None


def test_close_ends_the_wait_of_threads_and_tasks_for_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def hold(*_: object) -> None:
        waiting.set()
        assert go_on.wait(30)
        raise ClosedError("closed")

    monkeypatch.setattr(database_module, "write_snapshot", hold)
    outcomes: list[BaseException] = []

    async def write_many(db: fluxdb.aio.FluxDB) -> None:
        results = await asyncio.gather(*(db.set(f"k{i}", VALUE) for i in range(1000)), return_exceptions=True)
        outcomes.extend(result for result in results if isinstance(result, BaseException))

    async def main() -> None:
        db = await fluxdb.aio.open(tmp_path, limits=LIMITS)
        writing = asyncio.ensure_future(write_many(db))
        assert await asyncio.to_thread(waiting.wait, 30)
        closing = asyncio.ensure_future(db.close())
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.wait_for(asyncio.gather(writing, closing), 60)

    asyncio.run(main())
    assert outcomes
    assert {type(outcome) for outcome in outcomes} == {ClosedError}
    with fluxdb.open(tmp_path, limits=LIMITS) as db:
        assert db.info()["keys"] == 1000 - len(outcomes), "those, and only those, who heard of it are not there"
