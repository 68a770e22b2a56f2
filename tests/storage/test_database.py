"""One open database: opening, reopening, rotation, checkpoints, closing, forking."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fluxdb.errors import ClosedError, LimitError, LockedError, StorageError
from fluxdb.limits import KIB, Limits
from fluxdb.storage.database import Database
from fluxdb.storage.layout import list_folder
from fluxdb.storage.snapshot import writer as snapshot_writer
from fluxdb.storage.snapshot.writer import Share
from tests.storage.folders import (
    SMALL,
    contents,
    digest_of,
    fill,
    long_text,
    opened,
    patch,
    put,
    remove,
    segment_path,
)


def test_a_new_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "db"
    with opened(path) as database:
        assert put(database, "k") == (1, 1)
        assert database.documents.get("k") == (b"1", 1)
    assert sorted(contents(path)) == [segment_path(path, 1).name, "log.end"]


@pytest.mark.guarantee(2)
def test_g2_what_was_acknowledged_is_there_after_reopening(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        put(database, "a", b'{"x":{"y":1}}')
        patch(database, "a", b'{"x":{"z":null}}')
        put(database, "b")
        remove(database, "b")
        digest = database.documents.digest()
    with opened(tmp_path) as database:
        assert database.documents.get("a") == (b'{"x":{"y":1,"z":null}}', 2)
        assert database.documents.get("b") is None
        assert database.documents.digest() == digest
        assert put(database, "b") == (3, 5)


def test_every_reopening_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    for number in range(1, 12):
        with opened(tmp_path) as database:
            assert put(database, "k") == (number, number)
            if number % 4 == 0:
                database.checkpoint()


def test_the_log_goes_on_in_new_segments(tmp_path: Path) -> None:
    digest = fill(tmp_path, 4)
    assert list_folder(tmp_path).segments == [1, 2, 3, 4]
    assert digest_of(tmp_path) == digest


@pytest.mark.guarantee(1)
@pytest.mark.guarantee(7)
def test_g7_versions_never_start_over(tmp_path: Path) -> None:
    last = 0
    for number in range(40):
        with opened(tmp_path) as database:
            version, _ = put(database, "k")
            assert version > last
            deleted = remove(database, "k")
            assert deleted is not None
            last = deleted[0]
            for other in range(3):
                put(database, f"{number} {other}")
                remove(database, f"{number} {other}")
            if number % 3 == 0:
                database.checkpoint()


# Refused


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "db"):
        with pytest.raises(StorageError, match=str(path)):
            Database.open(path, SMALL)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.guarantee(10)
def test_g10_a_second_opening_is_refused_and_disturbs_nobody(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        put(database, "a")
        with pytest.raises(LockedError) as caught:
            Database.open(tmp_path, SMALL)
        assert caught.value.pid == os.getpid()
        put(database, "b")
    digest_of(tmp_path)


def test_a_refused_opening_lets_the_lock_go(tmp_path: Path) -> None:
    (tmp_path / "snapshot-1").touch()
    for _ in range(2):
        with pytest.raises(StorageError, match="snapshot-1"):
            Database.open(tmp_path, SMALL)
    (tmp_path / "snapshot-1").unlink()
    digest_of(tmp_path)


def test_leftovers_are_removed_and_strangers_are_left_alone(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    for name in ("segment.tmp", "snapshot-00000000000000000001.tmp", "log.spare", "notes.txt", "log-x.broken"):
        (tmp_path / name).write_text("?")
    digest_of(tmp_path)
    assert sorted(contents(tmp_path)) == [segment_path(tmp_path, 1).name, "log-x.broken", "log.end", "notes.txt"]


# Closing


def test_after_close_all_is_refused_and_close_again_is_fine(tmp_path: Path) -> None:
    database = Database.open(tmp_path, SMALL)
    put(database, "a")
    database.close()
    database.close()
    assert database.closed
    uses: list[Callable[[], Any]] = [database.checkpoint, database.info, lambda: put(database, "b")]
    for use in uses:
        with pytest.raises(ClosedError):
            use()
    with opened(tmp_path) as again:
        assert again.info()["revision"] == 1


def test_closing_ends_a_checkpoint_that_is_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_writer, "PIECE_BYTES", 4 * KIB)
    digest = fill(tmp_path, 2)
    database = Database.open(tmp_path, SMALL)
    running, go_on, outcome = threading.Event(), threading.Event(), []
    pace = database._pace()

    def wait(seconds: float) -> Share:
        running.set()
        go_on.wait(30)
        return pace(seconds)

    def checkpoint() -> None:
        try:
            database.checkpoint()
        except ClosedError as error:
            outcome.append(error)

    def close() -> None:
        database.close()

    monkeypatch.setattr(database, "_pace", lambda: wait)
    checkpointing, closing = threading.Thread(target=checkpoint), threading.Thread(target=close)
    checkpointing.start()
    assert running.wait(30)
    closing.start()
    while not database.closed:
        pass
    go_on.set()
    checkpointing.join()
    closing.join()
    assert len(outcome) == 1
    assert list_folder(tmp_path).leftovers == []
    assert digest_of(tmp_path) == digest


# Forks


@pytest.mark.guarantee(10)
def test_g10_a_forked_child_touches_neither_the_log_nor_the_lock(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        put(database, "a")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork of a process with threads
            child = os.fork()
        if child == 0:
            os._exit(in_the_child(database))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with pytest.raises(LockedError):
            Database.open(tmp_path, SMALL)
        put(database, "b")
        digest = database.documents.digest()
    assert digest_of(tmp_path) == digest


def in_the_child(database: Database) -> int:
    try:
        assert database.closed
        uses: list[Callable[[], Any]] = [database.checkpoint, database.info, lambda: put(database, "x")]
        for use in uses:
            with pytest.raises(ClosedError):
                use()
        with pytest.raises(LockedError):
            Database.open(database.directory, SMALL)
        database.close()
    except BaseException:
        return 1
    return 0


@pytest.mark.guarantee(10)
def test_g10_a_child_that_lives_on_does_not_keep_the_folder(tmp_path: Path) -> None:
    database = Database.open(tmp_path, SMALL)
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    database.close()
    digest_of(tmp_path)
    os.close(writing)
    os.waitpid(child, 0)


# Its messages


def test_info_tells_what_there_is(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        put(database, "a", b"[1, 2]")
        put(database, "b")
        remove(database, "b")
        info = database.info(digest=True)
    assert info["path"] == str(tmp_path)
    assert (info["revision"], info["keys"], info["tombstones"], info["data_bytes"]) == (3, 1, 1, 6)
    assert info["poisoned"] is None
    assert info["digest"] == digest_of(tmp_path)
    assert info["limits"] == {field: getattr(SMALL, field) for field in SMALL.__dataclass_fields__}


def test_a_read_only_folder_is_a_storage_error(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="owner and permissions"):
        Database.open(tmp_path, SMALL)
    tmp_path.chmod(0o700)


def test_limits_are_the_openers(tmp_path: Path) -> None:
    with opened(tmp_path, Limits(value_bytes_max=10)) as database, pytest.raises(LimitError, match="of 10 bytes"):
        put(database, "a", long_text(11))
    with opened(tmp_path, Limits(value_bytes_max=11)) as database:
        put(database, "a", long_text(11))
