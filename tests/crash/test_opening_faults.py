"""An opening in which a call fails says so, lets go of the folder, and the next one works (G6).

Functions whose names don't begin with ``test`` run in a worker, under the shim. Every fault must have fired.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb.errors import StorageError
from tests.support.attempts import attempt, values
from tests.support.script import LIMITS
from tests.support.shim import Call, Shim
from tests.support.worker import Worker

HERE = __name__


def opening_fails(path: str, call: int, error: int, nth: int) -> dict[str, Any]:
    """Open with that call failing once, then without."""
    shim = Shim()
    shim.begin(path)
    rule = shim.fail(Call(call), error, nth=nth)
    said: dict[str, Any] = {}
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    try:
        with fluxdb.open(Path(path) / "db", limits=LIMITS):
            said["told"] = "opened"
            said["fired"] = rule.fired
            rule.drop()  # closing may fail to note where the log ends, and does no harm by that
    except StorageError as refused:
        said["told"] = type(refused).__name__
        said["fired"] = rule.fired
    said["left open"] = len(list(Path("/proc/self/fd").iterdir())) - open_files
    shim.end()
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        said["read"] = values(db, "a", "b", "c", "torn")
    return said


def torn_folder(path: str) -> None:
    """A snapshot, a log behind it, a torn tail, a leftover."""
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        db.set("a", 1)
        db.checkpoint()
        db.set("b", 2)
        db.set("c", 3)
        db.set("torn", "x" * 2000)
    segment = Path(path) / "db" / "log-0000000000000001"
    data = bytearray(segment.read_bytes())
    end = len(data.rstrip(b"\0"))
    data[end - 1200 :] = bytes(len(data) - end + 1200)
    segment.write_bytes(data)
    (Path(path) / "db" / "log.end").unlink()
    (Path(path) / "db" / "snapshot-00000000000000000009.tmp").write_bytes(b"unfinished")


@pytest.mark.guarantee(5, 6)
@pytest.mark.parametrize("call", [Call.OPEN, Call.READ, Call.WRITE, Call.SYNC, Call.UNLINK, Call.ALLOCATE, Call.RENAME])
def test_an_opening_that_fails_at_any_call_says_so_and_the_next_one_works(
    worker: Worker, tmp_path: Path, call: Call
) -> None:
    fired, nth = 0, 0
    while True:
        nth += 1
        path = tmp_path / str(nth)
        path.mkdir()
        worker.call(f"{HERE}:torn_folder", path=str(path))
        said = worker.call(f"{HERE}:opening_fails", path=str(path), call=call, error=errno.EIO, nth=nth)
        assert said["read"] == {"a": 1, "b": 2, "c": 3}, f"{call.name} {nth}"
        assert not said["left open"], f"{call.name} {nth}: a descriptor was left open"
        if said["fired"] and call in (Call.OPEN, Call.READ, Call.SYNC):
            assert said["told"] == "StorageError", f"{call.name} {nth}: {said}"
        if not said["fired"]:
            break
        fired += 1
        assert nth < 200
    assert fired or call in (Call.ALLOCATE, Call.RENAME), "the fault never fired"


def new_folder_fails(path: str, call: int, error: int, nth: int) -> dict[str, Any]:
    shim = Shim()
    shim.begin(path)
    rule = shim.fail(Call(call), error, nth=nth)
    said: dict[str, Any] = {"told": attempt(lambda: fluxdb.open(Path(path) / "db", limits=LIMITS).close())}
    said["fired"] = rule.fired
    shim.end()
    with fluxdb.open(Path(path) / "db", limits=LIMITS) as db:
        said["set"] = db.set("a", 1)
    return said


@pytest.mark.parametrize("call", [Call.OPEN, Call.WRITE, Call.SYNC, Call.ALLOCATE, Call.RENAME, Call.MKDIR])
def test_a_new_database_that_fails_at_any_call_says_so_and_the_next_try_works(
    worker: Worker, tmp_path: Path, call: Call
) -> None:
    fired, nth = 0, 0
    while True:
        nth += 1
        path = tmp_path / str(nth)
        path.mkdir()
        said = worker.call(f"{HERE}:new_folder_fails", path=str(path), call=call, error=errno.ENOSPC, nth=nth)
        assert said["set"] == 1, f"{call.name} {nth}: {said}"
        if not said["fired"]:
            break
        fired += 1
        assert said["told"] in (None, "DiskFullError", "StorageError"), f"{call.name} {nth}: {said}"
        assert nth < 100
    assert fired, "the fault never fired"
