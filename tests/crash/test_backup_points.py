"""A backup that a crash or a fault interrupts never opens half, and leaves its source alone (G13).

Functions whose names don't begin with ``test`` run in a worker, under the shim. Every fault must have fired.
"""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb.errors import StorageError
from fluxdb.storage.backup.backup import backup_database
from fluxdb.storage.layout import UNFINISHED_BACKUP_NAME
from fluxdb.storage.offline import database_info
from tests.crash.conftest import DEPTH
from tests.support.attempts import attempt
from tests.support.disk import Disk
from tests.support.explore import points
from tests.support.inode import State
from tests.support.script import LIMITS, sectors
from tests.support.shim import Call, Shim
from tests.support.trace import read_trace
from tests.support.worker import Worker

HERE = __name__
DATABASE, COPY = "db", "copy"


def make_database(root: Path) -> str:
    """A database with a snapshot, and two segments behind it; its digest."""
    with fluxdb.open(root / DATABASE, limits=LIMITS) as db:
        for number in range(30):
            db.set(f"k{number}", sectors(3))
        db.checkpoint()
        for number in range(20, 60):
            db.set(f"k{number}", sectors(6))
        db.delete("k1")
    return str(database_info(root / DATABASE)["digest"])


def back_up(root: str, trace: str) -> int:
    shim = Shim()
    shim.begin(root, trace)
    try:
        return backup_database(Path(root) / DATABASE, Path(root) / COPY)
    finally:
        shim.end()


def found(folder: Path) -> str:
    """The digest of what opens there, or why nothing does."""
    try:
        return str(database_info(folder)["digest"])
    except StorageError as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.guarantee(13)
def test_g13_whatever_a_crash_leaves_of_a_backup_opens_whole_or_not_at_all(
    worker: Worker, tmp_path: Path, memory_path: Path
) -> None:
    root, trace = tmp_path / "run", tmp_path / "trace"
    root.mkdir()
    digest = make_database(root)
    start = State.read_from(root)
    revision = worker.call(f"{HERE}:back_up", root=str(root), trace=str(trace))
    assert revision == database_info(root / DATABASE)["revision"]
    entries = read_trace(trace)
    disk = Disk(root, start)
    seen: dict[str, int] = {}
    whole = unfinished = again = 0
    for point in points(disk, entries, DEPTH):
        if point.state.key in seen:
            continue
        seen[point.state.key] = point.calls
        where = f"after {point.calls} calls: {point.label}"
        state = memory_path / "state"
        state.mkdir()
        point.state.write_to(state)
        assert found(state / DATABASE) == digest, where
        copy = found(state / COPY)
        part = found(state / f"{COPY}.part")
        assert copy == digest or copy.startswith("StorageError"), f"{where}: {copy}"
        assert part.startswith("StorageError"), f"{where}: {part}"
        whole += copy == digest
        unfinished += (state / f"{COPY}.part" / UNFINISHED_BACKUP_NAME).exists()
        if copy != digest and len(seen) % 5 == 0:
            backup_database(state / DATABASE, state / COPY)
            assert found(state / COPY) == digest and not (state / f"{COPY}.part").exists(), where
            again += 1
        shutil.rmtree(state)
    disk = Disk(root, start)
    for entry in entries:
        disk.apply(entry)
    assert disk.seen() == State.read_from(root), "the model of the disk and the real one differ"
    state = memory_path / "end"
    state.mkdir()
    disk.power_cut(()).write_to(state)
    assert found(state / COPY) == digest, "what was told to be done is durable"
    assert whole >= 2 and unfinished > 50 and again > 10, "too few states to mean something"


def backup_fails(path: str, call: int, error: int, nth: int, part: str) -> dict[str, Any]:
    shim = Shim()
    root = Path(path)
    with fluxdb.open(root / DATABASE, limits=LIMITS) as db:
        shim.begin(path)
        rule = shim.fail(Call(call), error, part=part, nth=nth)
        said: dict[str, Any] = {"told": attempt(lambda: db.backup(root / COPY)), "fired": rule.fired}
        said["left"] = sorted(name.name for name in root.iterdir())
        shim.end()
        db.set("after", 1)
        said["again"] = db.backup(root / COPY) == db.info()["revision"]
    said["same"] = database_info(root / COPY)["digest"] == database_info(root / DATABASE)["digest"]
    return said


@pytest.mark.guarantee(13)
@pytest.mark.parametrize(
    ("call", "error", "nth", "part", "told"),
    [
        (Call.MKDIR, errno.ENOSPC, 1, "copy", "DiskFullError"),
        (Call.OPEN, errno.ENOSPC, 1, "backup", "DiskFullError"),
        (Call.OPEN, errno.EMFILE, 2, "snapshot", "StorageError"),
        (Call.WRITE, errno.ENOSPC, 1, "snapshot", "DiskFullError"),
        (Call.WRITE, errno.ENOSPC, 2, "snapshot", "DiskFullError"),
        (Call.WRITE, errno.EDQUOT, 2, "log-", "DiskFullError"),
        (Call.SYNC, errno.EIO, 1, "log-", "StorageError"),
        (Call.SYNC, errno.EIO, 1, "log.end", "StorageError"),
        (Call.RENAME, errno.EIO, 1, "copy", "StorageError"),
        (Call.SYNC, errno.EIO, 2, "copy.part", "StorageError"),
        (Call.UNLINK, errno.EIO, 1, "backup", "StorageError"),
    ],
)
def test_g13_a_backup_in_which_a_call_fails_leaves_nothing_and_the_next_one_is_whole(
    worker: Worker, tmp_path: Path, call: Call, error: int, nth: int, part: str, told: str
) -> None:
    root = tmp_path / "run"
    root.mkdir()
    make_database(root)
    said = worker.call(f"{HERE}:backup_fails", path=str(root), call=call, error=error, nth=nth, part=part)
    assert said == {"told": told, "fired": 1, "left": [DATABASE], "again": True, "same": True}
