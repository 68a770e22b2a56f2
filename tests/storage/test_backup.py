"""Backups: all of a database at one revision, in a folder that opens only once it is whole."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fluxdb.errors import ClosedError, CorruptionError, LockedError, StorageError
from fluxdb.storage.backup import copying
from fluxdb.storage.backup.backup import backup_database
from fluxdb.storage.backup.destination import Destination
from fluxdb.storage.layout import UNFINISHED_BACKUP_NAME, list_folder
from fluxdb.storage.offline import database_info, read_database
from fluxdb.storage.reader import read_folder
from fluxdb.storage.repair.check import check_database
from tests.storage.folders import contents, digest_of, fill, flip, long_text, opened, patch, put, remove, segment_path


def documents_of(path: Path) -> dict[str, tuple[bytes, int]]:
    documents = read_database(path).documents
    found = {f"key {number}": documents.get(f"key {number}") for number in range(60)}
    return {key: stored for key, stored in found.items() if stored is not None}


@pytest.mark.guarantee(13)
@pytest.mark.parametrize("checkpoints", [0, 1, 2])
def test_g13_a_backup_is_the_database_at_the_revision_that_it_names(tmp_path: Path, checkpoints: int) -> None:
    source, copy = tmp_path / "db", tmp_path / "copies" / "monday"
    with opened(source) as database:
        for number in range(60):
            put(database, f"key {number}", long_text(3000))
            if number % 30 == 29 and checkpoints:
                database.checkpoint()
                checkpoints -= 1
        for number in range(0, 40, 3):
            remove(database, f"key {number}")
        patch(database, "key 1", b'{"a":1}')
        digest = database.documents.digest()
        revision = database.backup(copy)
        assert revision == database.documents.position.revision
        put(database, "key 1", b'"later"')
    assert digest_of(copy) == digest
    report = check_database(copy)
    assert report.ok and report.findings == [], "it is closed, and nothing is to be noted"
    told, original = database_info(copy), database_info(source)
    assert told["revision"] == revision and told["database_id"] != original["database_id"]
    with opened(copy) as restored:
        assert put(restored, "key 1", b"2") == (3, revision + 1), "versions go on"


@pytest.mark.guarantee(13)
def test_g13_writers_and_checkpoints_go_on_and_no_file_goes_that_is_being_copied(tmp_path: Path) -> None:
    source, copy = tmp_path / "db", tmp_path / "copy"
    fill(source, 3)
    with opened(source) as database:
        put(database, "key 0", b"1")
        database.checkpoint()
        for number in range(30):
            put(database, f"key {number}", long_text(3000))
        before = list_folder(source)
        digest = database.documents.digest()
        held: list[list[int]] = []

        def meanwhile(done: int, total: int) -> None:
            if not held:
                put(database, "key 1", b'"meanwhile"')
                database.checkpoint()
                held.append(list_folder(source).snapshots)
                held.append(list_folder(source).segments)

        revision = database.backup(copy, meanwhile)
        assert held[0] == [revision + 1, *before.snapshots], "the checkpoint was made, and removed nothing"
        assert held[1][: len(before.segments)] == before.segments
        assert list_folder(source).snapshots == [revision + 1], "what was covered went behind the backup"
        assert list_folder(source).segments[0] > before.segments[0]
    assert digest_of(copy) == digest


@pytest.mark.guarantee(13)
def test_g13_a_backup_among_writers_holds_exactly_the_writes_up_to_its_revision(tmp_path: Path) -> None:
    stop = threading.Event()
    written: list[tuple[str, bytes, int, int]] = []  # key, text, version, revision

    def write() -> None:
        number = 0
        while not stop.is_set():
            key, text = f"key {number % 60}", b'"%d %s"' % (number, b"x" * (number % 500))
            written.append((key, text, *put(database, key, text)))
            number += 1

    with opened(tmp_path / "db") as database:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            revisions = [database.backup(tmp_path / f"copy-{number}") for number in range(3)]
        finally:
            stop.set()
            writer.join()
    assert revisions == sorted(set(revisions)) and revisions[-1] <= len(written)
    for number, revision in enumerate(revisions):
        model = {key: (text, version) for key, text, version, of in written if of <= revision}
        assert documents_of(tmp_path / f"copy-{number}") == model


def test_a_backup_of_an_empty_database_is_one(tmp_path: Path) -> None:
    with opened(tmp_path / "db") as database:
        assert database.backup(tmp_path / "copy") == 0
    with opened(tmp_path / "copy") as restored:
        assert put(restored, "a") == (1, 1)


def test_a_backup_takes_no_more_room_than_its_documents_need(tmp_path: Path) -> None:
    with opened(tmp_path / "db") as database:
        for number in range(60):
            put(database, f"key {number}", long_text(3000))
        database.checkpoint()
        database.backup(tmp_path / "copy")
    needed = 60 * 3100 + 64 * 1024 + 4096
    assert sum(path.stat().st_size for path in (tmp_path / "copy").iterdir()) < needed + 64 * 1024


def test_of_a_folder_that_nobody_owns_and_that_a_crash_left(tmp_path: Path) -> None:
    source, copy = tmp_path / "db", tmp_path / "copy"
    digest = fill(source, 2)
    before = contents(source)
    done: list[tuple[int, int]] = []
    revision = backup_database(source, copy, progress=lambda *bytes_done: done.append(bytes_done))
    assert contents(source) == before
    assert digest_of(copy) == digest and revision == database_info(source)["revision"]
    assert done == sorted(done) and done[-1][0] == done[-1][1] > 64 * 1024
    with opened(source), pytest.raises(LockedError):
        backup_database(source, tmp_path / "another")


@pytest.mark.parametrize("refusal", [errno.EXDEV, errno.ENOSYS, None])
def test_where_the_system_copies_nothing_bytes_are_read_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int | None
) -> None:
    asked: list[int] = []

    def refuse(source: int, target: int, count: int, at: int, to: int) -> int:
        asked.append(count)
        if refusal is None:
            return 0  # as some file systems do
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(copying, "_copy_file_range", refuse)
    digest = fill(tmp_path / "db", 3)
    backup_database(tmp_path / "db", tmp_path / "copy")
    assert asked and digest_of(tmp_path / "copy") == digest


# ---- where a backup may go ----


def test_a_backup_replaces_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "db", 1)
    fill(tmp_path / "other", 1)
    (tmp_path / "file").write_text("")
    (tmp_path / "mine.part").mkdir()
    (tmp_path / "mine.part" / "letter").write_text("dear")
    before = contents(tmp_path / "other")
    for name, reason in {
        "other": "is not empty",
        "file": "is a file",
        "db/inside": "own folder",
        "db": "own folder",
        "mine": "in the way",
    }.items():
        with pytest.raises(StorageError, match=reason):
            backup_database(tmp_path / "db", tmp_path / name)
    assert contents(tmp_path / "other") == before
    assert {path.name for path in tmp_path.iterdir()} == {"db", "other", "file", "mine.part"}
    (tmp_path / "empty").mkdir()
    backup_database(tmp_path / "db", tmp_path / "empty")
    assert digest_of(tmp_path / "empty") == digest_of(tmp_path / "db")


def test_two_backups_to_one_place_the_second_is_told_who_is_there(tmp_path: Path) -> None:
    fill(tmp_path / "db", 1)
    first = Destination(tmp_path / "copy", tmp_path / "db")
    with pytest.raises(LockedError):
        backup_database(tmp_path / "db", tmp_path / "copy")
    first.close()
    assert not (tmp_path / "copy.part").exists()
    backup_database(tmp_path / "db", tmp_path / "copy")


@pytest.mark.parametrize("name", ["copy", "copy.part"])
def test_an_unfinished_backup_opens_for_nobody_and_the_next_one_replaces_it(tmp_path: Path, name: str) -> None:
    digest = fill(tmp_path / "db", 2)
    backup_database(tmp_path / "db", tmp_path / "copy")
    (tmp_path / "copy" / UNFINISHED_BACKUP_NAME).write_text("")
    (tmp_path / "copy").rename(tmp_path / name)
    refused: list[Callable[[Path], object]] = [lambda path: opened(path).__enter__(), database_info, check_database]
    for look in refused:
        with pytest.raises(StorageError, match="not finished: back up again"):
            look(tmp_path / name)
    (tmp_path / name / "letter").write_text("dear")
    with pytest.raises(StorageError, match="letter"):
        backup_database(tmp_path / "db", tmp_path / "copy")
    (tmp_path / name / "letter").unlink()
    backup_database(tmp_path / "db", tmp_path / "copy")
    assert digest_of(tmp_path / "copy") == digest
    assert {path.name for path in tmp_path.iterdir()} == {"db", "copy"}


# ---- backups that come to nothing ----


def leaves_nothing(tmp_path: Path) -> bool:
    return {path.name for path in tmp_path.iterdir()} == {"db"}


def test_an_error_of_the_callback_ends_it(tmp_path: Path) -> None:
    fill(tmp_path / "db", 2)

    def fail(done: int, total: int) -> None:
        raise ZeroDivisionError

    with opened(tmp_path / "db") as database:
        with pytest.raises(ZeroDivisionError):
            database.backup(tmp_path / "copy", fail)
        assert leaves_nothing(tmp_path)
        put(database, "a")
        assert database.checkpoint() == database.documents.position.revision
        assert len(list_folder(tmp_path / "db").segments) == 1, "files are removed again"


def test_closing_ends_it_and_waits_for_that(tmp_path: Path) -> None:
    fill(tmp_path / "db", 2)
    began = threading.Event()
    errors: list[ClosedError] = []

    def slow(done: int, total: int) -> None:
        began.set()
        while not database.closed:
            time.sleep(0.001)

    def back_up() -> None:
        try:
            database.backup(tmp_path / "copy", slow)
        except ClosedError as error:
            errors.append(error)

    with opened(tmp_path / "db") as database:
        closer = threading.Thread(target=database.close)
        thread = threading.Thread(target=back_up)
        thread.start()
        assert began.wait(30)
        closer.start()
        closer.join(30)
        assert leaves_nothing(tmp_path), "when it is closed, nobody is at the files any more"
        thread.join()
    assert len(errors) == 1 and not closer.is_alive()


@pytest.mark.parametrize("file", ["segment", "snapshot"])
def test_damage_of_the_source_is_named_and_not_copied(tmp_path: Path, file: str) -> None:
    with opened(tmp_path / "db") as database:
        for number in range(40):
            put(database, f"key {number}", long_text(3000))
        if file == "snapshot":
            database.checkpoint()
        put(database, "a", long_text(5000))
        put(database, "b", long_text(5000))
        at = database.documents.position.offset - 6000
        damaged = segment_path(tmp_path / "db", database.documents.position.segment)
        if file == "snapshot":
            damaged, at = next((tmp_path / "db").glob("snapshot-*")), 5000
        flip(damaged, at)
        with pytest.raises(CorruptionError) as caught:
            database.backup(tmp_path / "copy")
        assert caught.value.segment == damaged.name
    assert leaves_nothing(tmp_path)


def test_the_source_is_read_to_its_end_and_not_beyond(tmp_path: Path) -> None:
    """Writes after the position, while the backup runs, are no part of it."""
    with opened(tmp_path / "db") as database:
        put(database, "key 1", b"1")
        done: list[int] = []

        def write(so_far: int, total: int) -> None:
            done.append(put(database, "key 1", b"2")[1])

        assert database.backup(tmp_path / "copy", write) == 1 and done
    assert read_folder(tmp_path / "copy").position.revision == 1
    assert documents_of(tmp_path / "copy") == {"key 1": (b"1", 1)}
