"""Failing calls on the log: who gets which error, what is accepted afterwards, and what a reopening finds (G5).

Functions whose names don't begin with ``test`` run in a worker, under the shim. Every fault must have fired.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb.errors import FluxDBError
from fluxdb.sync import FluxDB
from tests.support.attempts import attempt, values
from tests.support.script import LIMITS, sectors
from tests.support.shim import Call, Rule, Shim
from tests.support.worker import Worker

HERE = __name__


def group_of_five(shim: Shim, db: FluxDB, call: Call = Call.SYNC) -> dict[str, Any]:
    """Put "leader" alone in a group, held at its ``call``; five writes of other threads after it. Return each one's
    outcome.
    """
    told: dict[str, Any] = {}

    def set_one(key: str) -> None:
        told[key] = attempt(lambda: db.set(key, LONG))

    held = shim.hold(call, part="log-")
    threads = [threading.Thread(target=set_one, args=(key,)) for key in ("leader", "w1", "w2", "w3", "w4", "w5")]
    threads[0].start()
    held.wait()
    for thread in threads[1:]:
        thread.start()
    threads[1].join(0.1)  # until they wait, too
    held.release()
    for thread in threads:
        thread.join()
    return told


FIVE = ("w1", "w2", "w3", "w4", "w5")
LONG = "long" * 100  # five of them take several sectors


def log_fails(path: str, call: int, error: int, bytes_before: int) -> dict[str, Any]:
    shim = Shim()
    shim.begin(path)
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        db.set("before", 1)
        rules: list[Rule] = []
        if bytes_before:
            rules.append(shim.shorten(Call.WRITE, bytes_before, part="log-", nth=2))
        rules.append(shim.fail(Call(call), error, part="log-", nth=3 if bytes_before else 2))
        said: dict[str, Any] = {"told": group_of_five(shim, db)}
        said["fired"] = [rule.fired for rule in rules]
        said["writes after"] = [
            attempt(lambda: db.set("late", 1)),
            attempt(lambda: db.patch("before", {})),
            attempt(lambda: db.delete("before")),
        ]
        said["read after"] = values(db, "before", "leader", "late", *FIVE)
        said["poisoned"] = bool(db.info()["poisoned"])
        said["versions"] = db.get("before").version  # type: ignore[union-attr]
    shim.end()
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        said["reopened"] = values(db, "before", "leader", "late", *FIVE)
        said["next"] = db.set("before", 2)
    return said


@pytest.mark.guarantee(5)
@pytest.mark.parametrize(
    ("call", "error", "bytes_before"),
    [
        (Call.SYNC, errno.EIO, 0),
        (Call.SYNC, errno.ENOSPC, 0),
        (Call.WRITE, errno.EIO, 0),
        (Call.WRITE, errno.ENOSPC, 0),
        (Call.WRITE, errno.EIO, 700),
    ],
)
def test_g5_a_log_that_fails_tells_every_waiter_and_takes_no_more_writes(
    worker: Worker, tmp_path: Path, call: Call, error: int, bytes_before: int
) -> None:
    said = worker.call(f"{HERE}:log_fails", path=str(tmp_path), call=call, error=error, bytes_before=bytes_before)
    assert said["fired"] == [1] * len(said["fired"])
    assert said["told"] == {"leader": 1, **dict.fromkeys(FIVE, "PoisonedError?")}, "each waiter of the group is told"
    assert said["writes after"] == ["PoisonedError"] * 3
    assert said["read after"] == {"before": 1, "leader": LONG}, "reads go on, and don't show what is unknown"
    assert said["poisoned"]
    kept = {key: said["reopened"].pop(key) for key in FIVE if key in said["reopened"]}
    assert said["reopened"] == {"before": 1, "leader": LONG}
    assert kept in ({}, dict.fromkeys(FIVE, LONG)), "the group is there as a whole, or not at all"
    assert said["next"] == said["versions"] + 1


def sync_fails_before_a_group(path: str) -> dict[str, Any]:
    """A lone write whose sync fails; five of other threads wait in the group behind it."""
    shim = Shim()
    shim.begin(path)
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        rule = shim.fail(Call.SYNC, errno.EIO, part="log-")
        told = group_of_five(shim, db, Call.WRITE)
    shim.end()
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        return {"fired": rule.fired, "told": told, "reopened": values(db, *FIVE)}


@pytest.mark.guarantee(5)
def test_g5_those_behind_a_group_that_failed_hear_that_nothing_of_theirs_was_written(
    worker: Worker, tmp_path: Path
) -> None:
    said = worker.call(f"{HERE}:sync_fails_before_a_group", path=str(tmp_path))
    assert said["fired"] == 1
    assert said["told"] == {"leader": "PoisonedError?", **dict.fromkeys(FIVE, "PoisonedError")}
    assert said["reopened"] == {}


async def group_of_five_async(shim: Shim, path: Path) -> dict[str, Any]:
    told: dict[str, Any] = {}
    async with fluxdb.aio.open(path, limits=LIMITS) as db:

        async def set_one(key: str) -> None:
            try:
                told[key] = await db.set(key, key)
            except FluxDBError as error:
                told[key] = type(error).__name__ + ("?" if error.maybe_applied else "")

        held = shim.hold(Call.SYNC, part="log-")
        rule = shim.fail(Call.SYNC, errno.EIO, part="log-", nth=2)
        tasks = [asyncio.create_task(set_one("leader"))]
        while not held.fired:
            await asyncio.sleep(0.001)
        tasks += [asyncio.create_task(set_one(key)) for key in FIVE]
        await asyncio.sleep(0.01)
        held.release()
        await asyncio.gather(*tasks)
        await set_one("late")
        document = await db.get("leader")
        return {"told": told, "fired": rule.fired, "leader": document and document.value, "w1": await db.get("w1")}


def sync_fails_async(path: str) -> dict[str, Any]:
    shim = Shim()
    shim.begin(path)
    try:
        return asyncio.run(group_of_five_async(shim, Path(path) / "db"))
    finally:
        shim.end()


@pytest.mark.guarantee(5)
def test_g5_a_failed_sync_tells_every_coroutine(worker: Worker, tmp_path: Path) -> None:
    said = worker.call(f"{HERE}:sync_fails_async", path=str(tmp_path))
    assert said["fired"] == 1
    assert said["told"] == {"leader": 1, **dict.fromkeys(FIVE, "PoisonedError?"), "late": "PoisonedError"}
    assert said["leader"] == "leader" and said["w1"] is None


def invisible(path: str, short_bytes: int, interrupts: int) -> dict[str, Any]:
    shim = Shim()
    shim.begin(path)
    rules = [shim.fail(Call.WRITE, errno.EINTR, part="log-", nth=2, times=interrupts)]
    if short_bytes:
        rules.append(shim.shorten(Call.WRITE, short_bytes, times=1 << 30))
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        for i in range(10):
            db.set(f"k{i}", "x" * 700 * i)
        db.checkpoint()
        db.set("k0", sectors(60))  # opens a segment
    fired = [rule.fired for rule in rules]
    shim.end()
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        return {"fired": fired, "lengths": [len(value) for value in values(db, *(f"k{i}" for i in range(10))).values()]}


@pytest.mark.parametrize("short_bytes", [0, 1000, 37])
def test_short_writes_and_interrupts_are_carried_on(worker: Worker, tmp_path: Path, short_bytes: int) -> None:
    said = worker.call(f"{HERE}:invisible", path=str(tmp_path), short_bytes=short_bytes, interrupts=3)
    assert all(said["fired"])
    assert said["lengths"] == [len(sectors(60)), *(700 * i for i in range(1, 10))]


def writes_nothing(path: str) -> dict[str, Any]:
    shim = Shim()
    shim.begin(path)
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        db.set("a", 1)
        rule = shim.shorten(Call.WRITE, 0, part="log-", times=1 << 30)
        said = {"told": attempt(lambda: db.set("a", 2)), "read": values(db, "a")}
        said["fired"] = rule.fired
    shim.end()
    return said


@pytest.mark.guarantee(5)
def test_g5_a_write_that_writes_nothing_is_a_failure_and_no_endless_loop(worker: Worker, tmp_path: Path) -> None:
    said = worker.call(f"{HERE}:writes_nothing", path=str(tmp_path))
    assert said["fired"] and said["told"] == "PoisonedError?" and said["read"] == {"a": 1}


def no_room(path: str, call: int, error: int, parts: list[str], held: bool) -> dict[str, Any]:
    """The next segment can't be made. ``held``: in a group of several."""
    shim = Shim()
    shim.begin(path)
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        rules = [shim.fail(Call(call), error, part=part, times=1 << 30) for part in parts]
        said: dict[str, Any] = {"fits": [db.set("a", sectors(50)), db.set("b", sectors(50))]}
        said["refused"] = [attempt(lambda: db.set("c", sectors(50))) for _ in range(3)]
        if held:
            said["refused"] += group_of_refused(shim, db)
        said["read"] = sorted(values(db, "a", "b", "c", "d", "e"))
        said["poisoned"] = bool(db.info()["poisoned"])
        said["fired"] = sum(rule.fired for rule in rules)
        for rule in rules:
            rule.drop()
        said["room again"] = [attempt(lambda: db.set("c", sectors(50))), attempt(lambda: db.set("d", 1))]
    shim.end()
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        said["reopened"] = sorted(values(db, "a", "b", "c", "d", "e"))
    return said


def group_of_refused(shim: Shim, db: FluxDB) -> list[Any]:
    """Two large writes in a group behind a small one that still fits."""
    told: list[Any] = []
    held = shim.hold(Call.SYNC, part="log-")
    threads = [threading.Thread(target=db.set, args=("a", 1))]
    threads[0].start()
    held.wait()
    for key in ("c", "d"):
        thread = threading.Thread(target=lambda key=key: told.append(attempt(lambda: db.set(key, sectors(40)))))
        thread.start()
        threads.append(thread)
    threads[1].join(0.05)
    held.release()
    for thread in threads:
        thread.join()
    return told


@pytest.mark.guarantee(5)
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    ("call", "error", "parts"),
    [
        (Call.ALLOCATE, errno.ENOSPC, [""]),
        (Call.ALLOCATE, errno.EDQUOT, [""]),
        (Call.OPEN, errno.ENOSPC, [""]),
        (Call.WRITE, errno.ENOSPC, ["segment.tmp", "log.spare"]),
    ],
)
def test_g5_no_room_for_the_next_segment_is_refused_and_writing_goes_on_once_there_is(
    worker: Worker, tmp_path: Path, call: Call, error: int, parts: list[str], held: bool
) -> None:
    said = worker.call(f"{HERE}:no_room", path=str(tmp_path), call=call, error=error, parts=parts, held=held)
    assert said["fired"] and said["fits"] == [1, 1]
    assert said["refused"] == ["DiskFullError"] * (5 if held else 3)
    assert said["read"] == ["a", "b"] and not said["poisoned"]
    assert said["room again"] == [1, 1], "refused writes used no version"
    assert said["reopened"] == ["a", "b", "c", "d"]
