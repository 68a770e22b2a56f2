"""The note of where the log ended: what was durable at a clean close and is gone is refused, and nothing else is."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fluxdb._core.base.crc32c import crc32c
from fluxdb._core.base.descriptor import Descriptor
from fluxdb.errors import StorageError
from fluxdb.storage import database as database_module
from fluxdb.storage.database import Database
from fluxdb.storage.dump.load import load_database
from fluxdb.storage.log_end import END_NAME, LogEnd, read_log_end, write_log_end
from fluxdb.storage.reader import read_folder
from fluxdb.storage.repair.check import check_database
from fluxdb.storage.repair.repair import repair_database
from fluxdb.storage.system.files import open_folder
from tests.storage.folders import (
    SECTOR_BYTES,
    SMALL,
    as_killed,
    contents,
    digest_of,
    fill,
    flip,
    group_offsets,
    log_end,
    long_text,
    opened,
    overwrite,
    put,
    refusal,
    segment_path,
)

PAGE_BYTES = 4096


def remove_segments(path: Path, *numbers: int) -> None:
    for number in numbers:
        segment_path(path, number).unlink()


def last_offset(path: Path) -> int:
    return group_offsets(path, 3)[-1].offset


DAMAGES: dict[str, Callable[[Path], None]] = {
    "the first sector of the last group zeroed": lambda path: overwrite(
        segment_path(path, 3), last_offset(path), bytes(SECTOR_BYTES)
    ),
    "the header of the last group zeroed in part": lambda path: overwrite(
        segment_path(path, 3), last_offset(path) + 20, bytes(3000)
    ),
    "a sector within the last group zeroed": lambda path: overwrite(
        segment_path(path, 3), last_offset(path) + SECTOR_BYTES, bytes(SECTOR_BYTES)
    ),
    "a page over the last groups zeroed": lambda path: overwrite(
        segment_path(path, 3), last_offset(path) // PAGE_BYTES * PAGE_BYTES, bytes(2 * PAGE_BYTES)
    ),
    "all groups of the last segment zeroed": lambda path: overwrite(
        segment_path(path, 3), PAGE_BYTES, bytes(SMALL.segment_bytes - PAGE_BYTES)
    ),
    "the last segment cut": lambda path: os.truncate(segment_path(path, 3), last_offset(path) + 10),
    "the last segment gone": lambda path: segment_path(path, 3).unlink(),
    "the last two segments gone": lambda path: remove_segments(path, 2, 3),
}


def with_large_last_group(path: Path) -> set[str]:
    """A closed database of three segments; its digests after every revision."""
    states = set()
    with opened(path) as database:
        states.add(database.documents.digest())
        number = 0
        while database.info()["segment"] != 3:
            put(database, f"key {number % 40}", long_text(3000))
            states.add(database.documents.digest())
            number += 1
        for key in ("last", "large"):
            put(database, key, long_text(2000))
            states.add(database.documents.digest())
    return states


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("name", DAMAGES)
def test_g7_what_is_lost_of_the_log_after_a_clean_close_is_refused_and_repaired(tmp_path: Path, name: str) -> None:
    path = tmp_path / "db"
    states = with_large_last_group(path)
    revision = read_folder(path).position.revision
    DAMAGES[name](path)
    error = refusal(path)
    assert "fluxdb repair" in str(error)
    report = check_database(path, SMALL)
    assert not report.opens
    assert (error.segment, error.offset) in [(finding.file, finding.offset) for finding in report.findings]
    repaired = repair_database(path, SMALL)
    assert repaired.revision < revision
    assert f"revisions {repaired.revision + 1} to {revision}" in repaired.lost[0]
    assert f"{END_NAME}.broken" in repaired.kept
    found = check_database(path, SMALL)
    assert found.ok
    assert found.state["digest"] in states
    assert not repair_database(path, SMALL).repaired
    with opened(path) as database:
        put(database, "and on")
        digest = database.documents.digest()
    assert digest_of(path) == digest


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("name", [name for name in DAMAGES if "cut" not in name and "within" not in name])
def test_without_a_note_the_same_opens_and_nothing_says_that_no_write_was_lost(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "db"
    states = with_large_last_group(path)
    as_killed(path)
    DAMAGES[name](path)
    report = check_database(path, SMALL)
    assert report.ok
    said = str(report.findings)
    assert "as a crash leaves it" in said and "is lost" in said
    with caplog.at_level(logging.INFO, logger="fluxdb.storage"), opened(path) as database:
        assert database.documents.digest() in states
    assert "as a crash leaves it" in caplog.text and "is lost" in caplog.text
    assert "nothing acknowledged" not in caplog.text


@pytest.mark.guarantee(7)
def test_g7_a_database_of_which_only_the_note_is_left_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    for number in (1, 2):
        segment_path(tmp_path, number).unlink()
    assert "if they were removed on purpose" in str(refusal(tmp_path)).lower()
    assert not check_database(tmp_path, SMALL).opens
    with (tmp_path / "dump").open("w+b") as lines, pytest.raises(StorageError, match="not empty"):
        load_database(tmp_path, lines, SMALL)
    (tmp_path / "dump").unlink()
    report = repair_database(tmp_path, SMALL)
    assert report.kept == [f"{END_NAME}.broken"]
    assert "all documents" in report.lost[0]
    with opened(tmp_path) as database:
        assert len(database.documents) == 0


def test_an_empty_database_whose_files_were_removed_is_made_again(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    segment_path(tmp_path, 1).unlink()
    with opened(tmp_path) as database:
        assert put(database, "a") == (1, 1)


@pytest.mark.guarantee(7)
def test_g7_a_torn_tail_behind_the_note_is_cut_off(tmp_path: Path) -> None:
    """The database was opened again after the close, and killed: the note says nothing of what was written since."""
    with opened(tmp_path) as database:
        put(database, "a")
    note = (tmp_path / END_NAME).read_bytes()
    digest = digest_of(tmp_path)
    with opened(tmp_path) as database:
        put(database, "b", long_text(2000))
    (tmp_path / END_NAME).write_bytes(note)
    whole = contents(tmp_path)
    last = group_offsets(tmp_path, 1)[-1].offset
    for missing in (0, 1, 2, 3):
        segment_path(tmp_path, 1).write_bytes(whole[segment_path(tmp_path, 1).name])
        (tmp_path / END_NAME).write_bytes(note)
        overwrite(segment_path(tmp_path, 1), last + missing * SECTOR_BYTES, bytes(SECTOR_BYTES))
        assert check_database(tmp_path, SMALL).ok
        assert digest_of(tmp_path) == digest


def test_a_note_that_an_older_version_left_behind_is_still_true(tmp_path: Path) -> None:
    """It writes, checkpoints and removes segments, and leaves log.end as it was: the log only went further."""
    fill(tmp_path, 2)
    note = (tmp_path / END_NAME).read_bytes()
    with opened(tmp_path) as database:
        for number in range(60):
            put(database, f"more {number}", long_text(3000))
        database.checkpoint()
        put(database, "behind")
        digest = database.documents.digest()
    (tmp_path / END_NAME).write_bytes(note)
    assert check_database(tmp_path, SMALL).ok
    assert digest_of(tmp_path) == digest


@pytest.mark.guarantee(7)
def test_g7_older_files_under_a_newer_note_are_refused(tmp_path: Path) -> None:
    """A copy that was taken file by file while the database was written and closed is none of that database."""
    fill(tmp_path / "db", 2)
    shutil.copytree(tmp_path / "db", tmp_path / "copy")
    with opened(tmp_path / "db") as database:
        put(database, "more")
    digest = digest_of(tmp_path / "copy")
    shutil.copy(tmp_path / "db" / END_NAME, tmp_path / "copy")
    assert "the database was closed at revision" in refusal(tmp_path / "copy").reason
    (tmp_path / "copy" / END_NAME).unlink()
    assert digest_of(tmp_path / "copy") == digest


def test_the_note_is_one_sector_that_says_where_the_log_ends(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        put(database, "a")
        put(database, "b")
        identity = bytes.fromhex(str(database.info()["database_id"]))
    block = (tmp_path / END_NAME).read_bytes()
    assert len(block) == SECTOR_BYTES
    assert block[:12] == b"FLUXEND\0\1\0\0\0"
    assert int.from_bytes(block[12:16], "little") == crc32c(block[16:], crc32c(block[:12]))
    assert block[16:32] == identity
    end = log_end(tmp_path).position
    assert [int.from_bytes(block[at : at + 8], "little") for at in range(32, 64, 8)] == [2, 2, 1, end.offset]
    assert not block[64:].strip(b"\0")
    assert (tmp_path / END_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("at", [0, 8, 13, 20, 33, 60, 500])
def test_a_damaged_note_is_not_used_and_said_and_written_again(tmp_path: Path, at: int) -> None:
    digest = fill(tmp_path, 1)
    whole = (tmp_path / END_NAME).read_bytes()
    flip(tmp_path / END_NAME, at)
    report = check_database(tmp_path, SMALL)
    assert report.ok
    assert any(f"not used: {END_NAME}" in finding.meaning for finding in report.findings)
    assert digest_of(tmp_path) == digest
    assert (tmp_path / END_NAME).read_bytes() == whole


@pytest.mark.parametrize("block", [b"", bytes(100), bytes(SECTOR_BYTES)])
def test_a_note_that_a_crash_left_unfinished_is_none(tmp_path: Path, block: bytes) -> None:
    digest = fill(tmp_path, 1)
    (tmp_path / END_NAME).write_bytes(block)
    assert read_log_end(tmp_path) == (None, None)
    assert digest_of(tmp_path) == digest


def test_the_note_of_another_database_is_not_used(tmp_path: Path) -> None:
    digest = fill(tmp_path / "a", 1)
    fill(tmp_path / "b", 3)
    shutil.copy(tmp_path / "b" / END_NAME, tmp_path / "a")
    assert "another database" in str(check_database(tmp_path / "a", SMALL).findings)
    assert digest_of(tmp_path / "a") == digest


def test_a_close_after_which_nothing_is_new_leaves_the_note_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, 1)
    noted: list[LogEnd] = []
    monkeypatch.setattr(database_module, "write_log_end", lambda folder, end: noted.append(end))
    with opened(tmp_path):
        pass
    assert noted == []
    with opened(tmp_path) as database:
        put(database, "a")
    assert len(noted) == 1


def test_a_note_that_can_t_be_written_is_said_and_the_database_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_room(folder: Descriptor, end: LogEnd) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(database_module, "write_log_end", no_room)
    with opened(tmp_path) as database:
        put(database, "a")
    assert "can't note" in caplog.text and "No space left" in caplog.text
    with opened(tmp_path) as database:
        assert database.documents.get("a") is not None


def test_the_note_is_written_into_the_folder_that_was_opened_wherever_it_is(tmp_path: Path) -> None:
    with opened(tmp_path / "db") as database:
        put(database, "a")
        (tmp_path / "db").rename(tmp_path / "moved")
        (tmp_path / "db").mkdir()
    assert list((tmp_path / "db").iterdir()) == []
    assert check_database(tmp_path / "moved", SMALL).findings == []


def test_a_link_in_the_place_of_the_note_is_not_followed(tmp_path: Path) -> None:
    path, target = tmp_path / "db", tmp_path / "target"
    target.write_text("mine")
    fill(path, 1)
    (path / END_NAME).unlink()
    (path / END_NAME).symlink_to(target)
    with pytest.raises(StorageError, match=END_NAME):
        Database.open(path, SMALL)
    with open_folder(path) as folder, pytest.raises(OSError):
        write_log_end(folder, LogEnd(bytes(16), 1, 1, 1, 4608))
    assert target.read_text() == "mine"
