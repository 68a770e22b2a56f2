"""A database that is opened to be looked at: every byte on the disk stays as it is."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb import ClosedError, CorruptionError, Document, LockedError, StorageError
from fluxdb.errors import ReadOnlyError
from fluxdb.limits import Limits
from tests.storage.folders import contents

CHANGES: dict[str, Callable[[Any], Any]] = {
    "set": lambda db: db.set("k", 1),
    "patch": lambda db: db.patch("k", {}),
    "delete": lambda db: db.delete("k"),
    "subscribe": lambda db: db.subscribe("k"),
    "checkpoint": lambda db: db.checkpoint(),
}
AWAITED: dict[str, Callable[[Any], Any]] = {**CHANGES, "subscribe": lambda db: db.subscribe("k").get()}


def make(path: Path) -> None:
    with fluxdb.open(path) as db:
        db.set("a", {"x": [1, None]})
        db.set("b", 1)
        db.delete("b")


def state(path: Path) -> dict[str, tuple[bytes, int]]:
    return {item.name: (item.read_bytes(), item.stat().st_mtime_ns) for item in path.iterdir()}


def test_it_shows_what_was_acknowledged_last_and_changes_no_byte(tmp_path: Path) -> None:
    path = tmp_path / "data"
    make(path)
    before = state(path)
    with fluxdb.open(path, read_only=True) as db:
        assert db.get("a") == Document({"x": [1, None]}, 1)
        assert db.get("b") is None
        db.ping()
        info = db.info()
        assert (info["read_only"], info["keys"], info["revision"]) == (True, 1, 3)
        assert info["path"] == str(path)
    assert state(path) == before
    with fluxdb.open(path) as db:
        assert db.info()["read_only"] is False


@pytest.mark.parametrize("call", CHANGES.values(), ids=CHANGES)
def test_what_would_change_something_is_rejected_with_the_way_out(tmp_path: Path, call: Callable[[Any], Any]) -> None:
    make(tmp_path / "data")
    before = contents(tmp_path / "data")
    with fluxdb.open(tmp_path / "data", read_only=True) as db, pytest.raises(ReadOnlyError, match="open it without"):
        call(db)
    assert contents(tmp_path / "data") == before


@pytest.mark.parametrize("call", AWAITED.values(), ids=AWAITED)
def test_tasks_get_the_same_answers(tmp_path: Path, call: Callable[[Any], Any]) -> None:
    make(tmp_path / "data")
    before = state(tmp_path / "data")

    async def main() -> None:
        async with fluxdb.aio.open(tmp_path / "data", read_only=True) as db:
            assert await db.get("a") == Document({"x": [1, None]}, 1)
            await db.ping()
            assert (await db.info())["read_only"] is True
            with pytest.raises(ReadOnlyError):
                await call(db)
        with pytest.raises(ClosedError):
            await db.get("a")

    asyncio.run(main())
    assert state(tmp_path / "data") == before


def test_a_twin_for_tasks_leaves_it_open(tmp_path: Path) -> None:
    make(tmp_path / "data")

    async def main(db: fluxdb.FluxDB) -> None:
        async with fluxdb.aio.wrap(db) as twin:
            assert await twin.get("a") is not None

    with fluxdb.open(tmp_path / "data", read_only=True) as db:
        asyncio.run(main(db))
        assert db.get("a") is not None


@pytest.mark.guarantee(10)
def test_g10_readers_may_look_side_by_side_and_no_owner_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "data"
    make(path)
    with fluxdb.open(path, read_only=True) as one, fluxdb.open(path, read_only=True) as two:
        assert one.get("a") == two.get("a")
        with pytest.raises(LockedError):
            fluxdb.open(path)
    with fluxdb.open(path), pytest.raises(LockedError):
        fluxdb.open(path, read_only=True)
    fluxdb.open(path).close()


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("missing", "empty"):
        with pytest.raises(StorageError, match="there is no database"):
            fluxdb.open(tmp_path / name, read_only=True)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_torn_tail_is_left_where_it_is_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "data"
    make(path)
    segment = path / "log-0000000000000001"
    data = bytearray(segment.read_bytes())
    end = len(data.rstrip(b"\0"))
    with segment.open("r+b") as file:
        file.seek(end + 4096)
        file.write(b"\x01" * 100)
    before = state(path)
    with caplog.at_level(logging.WARNING, "fluxdb.storage"), fluxdb.open(path, read_only=True) as db:
        assert db.info()["recovery"]["torn"] is not None
        assert db.get("a") is not None
    assert "as a crash leaves it" in caplog.text and "is not shown" in caplog.text
    assert state(path) == before


@pytest.mark.guarantee(7)
def test_g7_damage_is_refused_to_readers_too(tmp_path: Path) -> None:
    path = tmp_path / "data"
    with fluxdb.open(path) as db:
        for number in range(4):
            db.set("k", number)
    segment = path / "log-0000000000000001"
    data = bytearray(segment.read_bytes())
    data[4096 + 40] ^= 1
    segment.write_bytes(data)
    before = state(path)
    with pytest.raises(CorruptionError):
        fluxdb.open(path, read_only=True)
    assert state(path) == before
    with pytest.raises(CorruptionError):  # the lock was let go
        fluxdb.open(path, read_only=True)


def test_a_forked_child_can_not_use_it_and_the_parent_goes_on(tmp_path: Path) -> None:
    make(tmp_path / "data")
    with fluxdb.open(tmp_path / "data", read_only=True) as db:
        child = os.fork()
        if child == 0:
            try:
                db.get("a")
            except ClosedError:
                os._exit(7)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert db.get("a") is not None
        with pytest.raises(LockedError):
            fluxdb.open(tmp_path / "data")


def test_one_that_is_forgotten_lets_the_folder_go_though_warnings_are_errors(tmp_path: Path) -> None:
    make(tmp_path / "data")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fluxdb.open(tmp_path / "data", read_only=True)
        gc.collect()
    assert any("unclosed database" in str(warning.message) for warning in caught)
    fluxdb.open(tmp_path / "data").close()


def test_a_server_is_not_opened_for_reading_alone() -> None:
    with pytest.raises(ValueError, match="read_only is for a folder"):
        fluxdb.open("fluxdb://127.0.0.1:1", read_only=True)


def test_limits_reach_it(tmp_path: Path) -> None:
    make(tmp_path / "data")
    limits = Limits(depth_max=7)
    with fluxdb.open(tmp_path / "data", read_only=True, limits=limits) as db:
        assert db.info()["limits"]["depth_max"] == 7
