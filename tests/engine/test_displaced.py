"""A folder that is deleted while its engine is open: noticed by itself, within a second or so."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

import fluxdb
from fluxdb import Document, StorageError
from fluxdb.engine.local import maintenance as snapshot_actor
from fluxdb.engine.local.engine import Engine

WORDS = "was deleted while the database was open"


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_deleted_folder_is_noticed_though_nobody_calls(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert snapshot_actor.LOOK_SECONDS <= 1
    with fluxdb.open(tmp_path / "db") as db:
        db.set("k", 1)
        shutil.rmtree(tmp_path / "db")
        until(lambda: cast(Engine, db.handle).committer.displaced)
        with pytest.raises(StorageError, match=WORDS):
            db.set("k", 2)
        assert db.get("k") == Document(1, 1)
        assert WORDS in db.info()["displaced"]
    assert [record.levelname for record in caplog.records if WORDS in record.message] == ["ERROR"]


@pytest.fixture
def without_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_actor, "LOOK_SECONDS", 3600.0)


CALLS: dict[str, Callable[[fluxdb.FluxDB], object]] = {
    "info": lambda db: db.info(),
    "ping": lambda db: db.ping(),
    "close": lambda db: db.close(),
}


@pytest.mark.usefixtures("without_timer")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_calls_notice_a_deleted_folder(
    tmp_path: Path, call: Callable[[fluxdb.FluxDB], object], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "fluxdb.storage"), fluxdb.open(tmp_path / "db") as db:
        db.set("k", 1)
        shutil.rmtree(tmp_path / "db")
        call(db)
        assert [WORDS in record.message for record in caplog.records] == [True]


@pytest.mark.usefixtures("without_timer")
def test_the_change_to_the_next_segment_notices_a_moved_folder(tmp_path: Path) -> None:
    limits = fluxdb.Limits(segment_bytes=64 * 1024, group_bytes_max=16 * 1024)
    with fluxdb.open(tmp_path / "db", limits=limits) as db:
        (tmp_path / "db").rename(tmp_path / "moved")
        with pytest.raises(StorageError, match="was moved"):
            while True:
                db.set("k", "x" * 9_000)


@pytest.mark.usefixtures("without_timer")
def test_a_task_and_one_that_waits_for_room_are_refused_too(tmp_path: Path) -> None:
    limits = fluxdb.Limits(segment_bytes=64 * 1024, group_bytes_max=16 * 1024)

    async def used() -> None:
        async with fluxdb.aio.open(tmp_path / "db", limits=limits) as db:
            await db.set("k", 1)
            (tmp_path / "db").rename(tmp_path / "moved")
            writes = [asyncio.ensure_future(db.set(str(number), "x" * 9_000)) for number in range(40)]
            await asyncio.sleep(0)
            await db.ping()
            outcomes = await asyncio.gather(*writes, return_exceptions=True)
            assert isinstance(outcomes[-1], StorageError)
            assert all(outcome == 1 or isinstance(outcome, StorageError) for outcome in outcomes)
            with pytest.raises(StorageError, match="was moved"):
                await db.set("k", 2)
            (tmp_path / "moved").rename(tmp_path / "db")
            await db.ping()
            assert await db.set("k", 2) == 2

    asyncio.run(used())
    with fluxdb.open(tmp_path / "db") as db:
        assert db.get("k") == Document(2, 2)


def test_writers_in_threads_are_refused(tmp_path: Path) -> None:
    refused = threading.Barrier(5)
    with fluxdb.open(tmp_path / "db") as db:
        db.set("k", 1)

        def work(number: int) -> None:
            with pytest.raises(StorageError, match="was moved"):
                while True:
                    db.set(str(number), number)
            refused.wait(30)

        writers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        (tmp_path / "db").rename(tmp_path / "moved")
        refused.wait(30)
        for writer in writers:
            writer.join(30)
        (tmp_path / "moved").rename(tmp_path / "db")
