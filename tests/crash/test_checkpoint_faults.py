"""A checkpoint in which a call fails keeps the old snapshot and the log (G9).

Functions whose names don't begin with ``test`` run in a worker, under the shim. Every fault must have fired.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from tests.support.attempts import attempt, values
from tests.support.script import LIMITS
from tests.support.shim import Call, Shim
from tests.support.worker import Worker

HERE = __name__


def checkpoint_fails(path: str, call: int, error: int, nth: int, part: str) -> dict[str, Any]:
    shim = Shim()
    db_path = Path(path) / "db"
    with fluxdb.open(db_path, limits=LIMITS) as db:
        db.set("a", 1)
        db.checkpoint()
        db.set("b", 2)
        shim.begin(path)
        before = sorted(name.name for name in db_path.iterdir())
        rule = shim.fail(Call(call), error, part=part, nth=nth)
        said: dict[str, Any] = {"told": attempt(db.checkpoint), "fired": rule.fired}
        after = sorted(name.name for name in db_path.iterdir())
        said["gone"] = [name for name in before if name not in after and name != "log.spare"]
        said["temporary"] = [name for name in after if name.endswith(".tmp")]
        said["writes"] = db.set("c", 3)
        shim.end()
    with fluxdb.open(db_path, limits=LIMITS) as db:
        said["reopened"] = values(db, "a", "b", "c")
        said["checkpoint"] = db.checkpoint()
    with fluxdb.open(db_path, limits=LIMITS) as db:
        said["reopened again"] = values(db, "a", "b", "c")
    return said


@pytest.mark.guarantee(9)
@pytest.mark.parametrize(
    ("call", "error", "nth", "told"),
    [
        (Call.OPEN, errno.ENOSPC, 1, "DiskFullError"),
        (Call.OPEN, errno.EMFILE, 1, "StorageError"),
        (Call.WRITE, errno.ENOSPC, 1, "DiskFullError"),
        (Call.WRITE, errno.ENOSPC, 2, "DiskFullError"),
        (Call.WRITE, errno.EIO, 3, "StorageError"),
        (Call.SYNC, errno.EIO, 1, "StorageError"),
        (Call.SYNC, errno.ENOSPC, 1, "DiskFullError"),
        (Call.RENAME, errno.EIO, 1, "StorageError"),
    ],
)
def test_g9_a_checkpoint_that_fails_keeps_the_old_snapshot_and_the_log(
    worker: Worker, tmp_path: Path, call: Call, error: int, nth: int, told: str
) -> None:
    said = worker.call(f"{HERE}:checkpoint_fails", path=str(tmp_path), call=call, error=error, nth=nth, part="snapshot")
    assert said["fired"] == 1 and said["told"] == told
    assert said["gone"] == [] and said["temporary"] == []
    assert said["reopened"] == said["reopened again"] == {"a": 1, "b": 2, "c": 3} and said["checkpoint"] == 3


def directory_sync_fails(path: str) -> dict[str, Any]:
    shim = Shim()
    db_path = Path(path) / "db"
    with fluxdb.open(db_path, limits=LIMITS) as db:
        db.set("a", 1)
        db.checkpoint()
        db.set("b", 2)
        shim.begin(path)
        before = {name.name for name in db_path.iterdir()}
        rule = shim.fail(Call.SYNC, errno.EIO, nth=2)  # the first is the snapshot's own
        said: dict[str, Any] = {"told": attempt(db.checkpoint), "fired": rule.fired}
        said["gone"] = sorted(before - {name.name for name in db_path.iterdir()} - {"log.spare"})
        shim.end()
    with fluxdb.open(db_path, limits=LIMITS) as db:
        said["reopened"] = values(db, "a", "b")
    return said


@pytest.mark.guarantee(9)
def test_g9_nothing_old_is_removed_where_the_new_snapshots_name_is_not_durable(worker: Worker, tmp_path: Path) -> None:
    said = worker.call(f"{HERE}:directory_sync_fails", path=str(tmp_path))
    assert said == {"told": "StorageError", "fired": 1, "gone": [], "reopened": {"a": 1, "b": 2}}
