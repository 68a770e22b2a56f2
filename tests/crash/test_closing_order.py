"""The folder is let go when the last group is settled, not before (G10).

Functions whose names don't begin with ``test`` run in a worker, under the shim.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb.engine.local.engine import Engine
from fluxdb.model import Kind
from fluxdb.storage.database import Database
from fluxdb.storage.lock import FolderLock
from tests.support.attempts import attempt
from tests.support.script import LIMITS
from tests.support.shim import Call, Shim
from tests.support.worker import Worker

HERE = __name__
TRIES = 50
PATIENCE_SECONDS = 30


def database_closes(path: str) -> dict[str, Any]:
    """A database of storage, without what stands over it and waits for the last group, too."""
    shim = begun(path)
    database = Database.open(Path(path) / "db", LIMITS)
    return close_while_a_group_is_synced(
        shim,
        Path(path) / "db",
        lambda: database.committer.write(Kind.SET, "b", b"2", -1),
        database.close,
        lambda: database.closed,
    )


def engine_closes(path: str) -> dict[str, Any]:
    shim = begun(path)
    db = fluxdb.open(Path(path) / "db", limits=LIMITS)
    engine = db.handle
    assert isinstance(engine, Engine)
    return close_while_a_group_is_synced(
        shim, Path(path) / "db", lambda: db.set("b", 2), db.close, lambda: engine.closed
    )


def begun(path: str) -> Shim:
    shim = Shim()
    shim.begin(path)
    return shim


def close_while_a_group_is_synced(
    shim: Shim, folder: Path, write: Callable[[], Any], close: Callable[[], None], is_closing: Callable[[], bool]
) -> dict[str, Any]:
    """Hold the sync of a group, close, and try to take the folder again and again; then let the sync go on."""
    held = shim.hold(Call.SYNC, part="log-")
    writer, closer = threading.Thread(target=write), threading.Thread(target=close)
    writer.start()
    held.wait()
    closer.start()
    began = time.monotonic()
    while not is_closing() and time.monotonic() - began < PATIENCE_SECONDS:
        time.sleep(0.01)
    said: dict[str, Any] = {"closing": is_closing(), "tries": []}
    for _ in range(TRIES):
        said["tries"].append(attempt(lambda: FolderLock.own(folder).release()))
        time.sleep(0.01)
    said["tries"] = sorted(set(map(str, said["tries"])))
    said["waits"] = closer.is_alive()
    held.release()
    writer.join()
    closer.join()
    held.drop()
    shim.end()
    with fluxdb.open(folder, limits=LIMITS) as again:
        found = again.get("b")
        said["b"] = found and found.value
    return said


@pytest.mark.guarantee(2, 10)
@pytest.mark.parametrize("closing", [database_closes, engine_closes])
def test_g10_the_folder_stays_locked_until_the_last_group_is_settled(
    worker: Worker, tmp_path: Path, closing: Callable[[str], Any]
) -> None:
    said = worker.call(f"{HERE}:{closing.__name__}", path=str(tmp_path))
    assert said == {"closing": True, "tries": ["LockedError"], "waits": True, "b": 2}
