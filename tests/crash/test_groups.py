"""Writes of one key from many sides at once: none is lost, no version is given twice (G1, G3)."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb.limits import MIB
from fluxdb.sync import FluxDB
from tests.support.engine import write
from tests.support.script import LIMITS
from tests.support.shim import Call, Shim
from tests.support.worker import Worker

PATCHES = 150
WRITERS = 40


def patch_from_coroutines(path: Path) -> tuple[list[int], Any]:
    async def run() -> tuple[list[int], Any]:
        async with fluxdb.aio.open(path) as db:

            async def writer(name: int) -> list[int]:
                return [await db.patch("shared", {f"{name}": i}) for i in range(PATCHES)]

            versions = await asyncio.gather(*(writer(name) for name in range(WRITERS)))
            document = await db.get("shared")
            assert document is not None
            return [version for each in versions for version in each], document.value

    return asyncio.run(run())


def patch_from_threads(path: Path) -> tuple[list[int], Any]:
    versions: list[int] = []
    with fluxdb.open(path) as db:

        def writer(name: int) -> None:
            for i in range(PATCHES):
                versions.append(db.patch("shared", {f"{name}": i}))  # noqa: PERF401 - from many threads

        threads = [threading.Thread(target=writer, args=(name,)) for name in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        document = db.get("shared")
        assert document is not None
        return versions, document.value


def patch_from_loops_and_threads(path: Path) -> tuple[list[int], Any]:
    """So that some stage while a group of others is being applied."""
    versions: list[int] = []

    async def run(db: FluxDB, names: range) -> None:
        twin = fluxdb.aio.wrap(db)

        async def writer(name: int) -> None:
            for i in range(PATCHES):
                versions.append(await twin.patch("shared", {f"{name}": i}))
                await asyncio.sleep(0)

        await asyncio.gather(*(writer(name) for name in names))
        await twin.close()

    def patch(db: FluxDB, name: int) -> None:
        for i in range(PATCHES):
            versions.append(db.patch("shared", {f"{name}": i}))  # noqa: PERF401 - from many threads

    with fluxdb.open(path) as db:
        part = WRITERS // 4
        threads = [
            threading.Thread(target=lambda first=first: asyncio.run(run(db, range(first, first + part))))
            for first in (0, part, 2 * part)
        ]
        threads += [threading.Thread(target=patch, args=(db, name)) for name in range(3 * part, WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        document = db.get("shared")
        assert document is not None
        return versions, document.value


@pytest.mark.guarantee(3)
@pytest.mark.parametrize("patch", [patch_from_coroutines, patch_from_threads, patch_from_loops_and_threads])
def test_g3_no_version_is_given_twice_and_no_patch_is_lost(tmp_path: Path, patch: Any) -> None:
    versions, value = patch(tmp_path / "db")
    assert sorted(versions) == list(range(1, WRITERS * PATCHES + 1))
    assert value == {f"{name}": PATCHES - 1 for name in range(WRITERS)}
    with fluxdb.open(tmp_path / "db") as db:
        document = db.get("shared")
        assert document is not None and (document.value, document.version) == (value, WRITERS * PATCHES)


def while_the_sync_is_held(path: str, kind: str) -> dict[str, Any]:
    """Return what everybody sees of a write that is written but not synced; runs in a worker, under the shim."""
    shim = Shim()
    shim.begin(path)
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db, db.subscribe("a") as events:
        db.set("a", 1)
        first = events.get(timeout=30)
        held = shim.hold(Call.SYNC, part="log-")
        thread = threading.Thread(target=write, args=(db, kind, "a", 2))
        thread.start()
        held.wait()
        seen = look_at(db)
        event = events.get(timeout=0.2)
        unacknowledged = thread.is_alive()
        held.release()
        thread.join()
        after = look_at(db)
        later = events.get(timeout=30)
    shim.end()
    told = [event_ and event_.revision for event_ in (first, event, later)]
    return {"seen": seen, "unacknowledged": unacknowledged, "after": after, "told": told}


def look_at(db: FluxDB) -> list[Any]:
    document = db.get("a")
    text = db.handle.get_text("a")
    info = db.info()
    return [document and [document.value, document.version], text and text[0].decode(), info["revision"], info["keys"]]


@pytest.mark.guarantee(1)
@pytest.mark.parametrize(
    ("kind", "after"),
    [("set", [[2, 2], "2", 2, 1]), ("patch", [[2, 2], "2", 2, 1]), ("delete", [None, None, 2, 0])],
)
def test_g1_nothing_shows_a_write_before_it_is_durable(
    worker: Worker, tmp_path: Path, kind: str, after: list[Any]
) -> None:
    said = worker.call(f"{__name__}:while_the_sync_is_held", path=str(tmp_path), kind=kind)
    assert said["seen"] == [[1, 1], "1", 1, 1], "no read shows it"
    assert said["told"][:2] == [1, None], "no event tells it"
    assert said["unacknowledged"]
    assert said["after"] == after and said["told"][2] == 2


def group_of_many_pieces(path: str, count: int) -> dict[str, Any]:
    """Writes of which each takes a piece of memory for itself, all in one group."""
    limits = replace(LIMITS, group_bytes_max=32 * MIB)
    text = "piece" * 27_000  # more than half of a piece
    shim = Shim()
    shim.begin(path)

    async def run() -> int:
        async with fluxdb.aio.open(Path(path) / "db", limits=limits) as db:
            held = shim.hold(Call.SYNC, part="log-")
            tasks = [asyncio.create_task(db.set("leader", 1))]
            while not held.fired:
                await asyncio.sleep(0.001)
            tasks += [asyncio.create_task(db.set(f"k{i}", [i, text])) for i in range(count)]
            await asyncio.sleep(0)  # each is staged in its task's first step
            held.release()
            await asyncio.gather(*tasks)
            commits: Any = (await db.info())["commits"]
            return int(commits["groups"])

    groups = asyncio.run(run())
    shim.end()
    with fluxdb.open(Path(path) / "db", limits=limits) as db:
        found = (db.get(f"k{i}") for i in range(count))
        kept = sum(document is not None and document.value == [i, text] for i, document in enumerate(found))
    return {"groups": groups, "kept": kept}


@pytest.mark.guarantee(4)
def test_g4_a_group_of_more_pieces_than_one_system_call_takes_is_kept_whole(worker: Worker, tmp_path: Path) -> None:
    said = worker.call(f"{__name__}:group_of_many_pieces", path=str(tmp_path), count=70)
    assert said == {"groups": 2, "kept": 70}
