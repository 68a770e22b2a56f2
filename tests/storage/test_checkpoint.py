"""Checkpoints: atomic, and no writer waits for them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fluxdb.errors import DiskFullError, StorageError
from fluxdb.limits import KIB
from fluxdb.storage.layout import list_folder
from fluxdb.storage.snapshot import writer as snapshot_writer
from fluxdb.storage.snapshot.writer import Share
from tests.storage.folders import (
    contents,
    digest_of,
    fill,
    long_text,
    newest_snapshot,
    opened,
    put,
    remove,
    segment_path,
)


@pytest.mark.guarantee(9)
def test_g9_a_checkpoint_keeps_the_state_and_retires_the_log(tmp_path: Path) -> None:
    digest = fill(tmp_path, 4)
    with opened(tmp_path) as database:
        revision = database.checkpoint()
        assert revision == database.info()["revision"]
        assert list_folder(tmp_path).segments == [4]
        assert database.info()["log_bytes"] == 0
        assert database.documents.digest() == digest
    assert digest_of(tmp_path) == digest


def test_a_checkpoint_of_what_was_checkpointed_does_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        assert database.checkpoint() == 0
        assert sorted(contents(tmp_path)) == [segment_path(tmp_path, 1).name]
        put(database, "a")
        assert database.checkpoint() == 1
        made = newest_snapshot(tmp_path).stat().st_mtime_ns
        assert database.checkpoint() == 1
        assert newest_snapshot(tmp_path).stat().st_mtime_ns == made


@pytest.mark.guarantee(9)
def test_g9_writers_go_on_during_a_checkpoint_which_does_not_see_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_writer, "BLOCK_BYTES_MIN", 4 * KIB)
    monkeypatch.setattr(snapshot_writer, "PIECE_BYTES", 4 * KIB)
    numbers = iter(range(10_000))
    with opened(tmp_path) as database:
        for number in range(100):
            put(database, f"key {number}", long_text(200))

        def write_meanwhile(seconds: float) -> Share:
            number = next(numbers)
            put(database, f"key {number % 100}", b'"new"')
            put(database, f"fresh {number}")
            remove(database, f"key {(number + 50) % 100}")
            return Share.SMALL

        monkeypatch.setattr(database, "_pace", lambda: write_meanwhile)
        assert database.checkpoint() == 100
        assert next(numbers) > 3
        digest = database.documents.digest()
    assert digest_of(tmp_path) == digest


@pytest.mark.guarantee(9)
def test_g9_a_checkpoint_that_finds_no_room_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        put(database, "a", long_text(5000))
        database.checkpoint()
        put(database, "b", long_text(5000))
        before = contents(tmp_path)

        def no_room(descriptor: int) -> None:
            raise OSError(28, os.strerror(28))

        with monkeypatch.context() as patches:
            patches.setattr(snapshot_writer, "sync_file", no_room)
            with pytest.raises(DiskFullError, match="free some space"):
                database.checkpoint()
        assert contents(tmp_path) == before
        put(database, "c")
        assert database.checkpoint() == 3
        digest = database.documents.digest()
    assert digest_of(tmp_path) == digest


@pytest.mark.guarantee(9)
def test_g9_nothing_is_retired_before_the_new_name_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, 3)
    with opened(tmp_path) as database:
        before = contents(tmp_path)

        def fail(directory: Path) -> None:
            raise OSError(5, os.strerror(5))

        with monkeypatch.context() as patches:
            patches.setattr(snapshot_writer, "sync_directory", fail)
            with pytest.raises(StorageError):
                database.checkpoint()
        assert before.items() <= contents(tmp_path).items()
        database.checkpoint()
        assert list_folder(tmp_path).segments == [3]


@pytest.mark.guarantee(9)
@pytest.mark.parametrize("removed", range(4))
def test_g9_a_crash_between_the_removals_leaves_a_log_without_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: int
) -> None:
    digest, left = fill(tmp_path, 5), removed
    unlink = Path.unlink

    def unlink_some(path: Path, missing_ok: bool = False) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(5, os.strerror(5))
        unlink(path, missing_ok)

    with opened(tmp_path) as database, monkeypatch.context() as patches:
        patches.setattr(Path, "unlink", unlink_some)
        database.checkpoint()
    assert list_folder(tmp_path).segments == list(range(removed + 1, 6))
    assert digest_of(tmp_path) == digest


def test_checkpoints_from_many_threads_take_turns(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        errors: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for turn in range(5):
                    put(database, f"{number} {turn}")
                    database.checkpoint()
            except BaseException as error:
                errors.append(error)

        run_all([lambda number=number: work(number) for number in range(4)])  # type: ignore[misc]
        assert errors == []
        digest = database.documents.digest()
    assert digest_of(tmp_path) == digest


def run_all(jobs: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
