"""The state that the files stand for: snapshots chosen, segments followed, damage reported, nothing changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from fluxdb._core.log.segment import SegmentHeader, decode_header, encode_header
from fluxdb.errors import CorruptionError, StorageError
from fluxdb.storage.database import Database
from fluxdb.storage.reader import read_folder
from tests.storage.folders import (
    HEADER_BYTES,
    SECTOR_BYTES,
    SMALL,
    contents,
    digest_of,
    fill,
    group_offsets,
    log_end,
    make_newer,
    newest_snapshot,
    opened,
    overwrite,
    put,
    refusal,
    segment_path,
)


def rewrite_header(path: Path, number: int, **changes: Any) -> None:
    file = segment_path(path, number)
    header: SegmentHeader = decode_header(file.read_bytes()[:HEADER_BYTES])
    overwrite(file, 0, encode_header(header._replace(**changes)))


@pytest.mark.guarantee(6)
def test_g6_the_same_files_give_the_same_state(tmp_path: Path) -> None:
    digest = fill(tmp_path / "db", 3)
    before = contents(tmp_path / "db")
    shutil.copytree(tmp_path / "db", tmp_path / "copy")
    for path in (tmp_path / "db", tmp_path / "copy"):
        recovered = read_folder(path, tombstones_max=SMALL.tombstones_max)
        assert recovered.damage is None
        assert recovered.documents.digest() == digest
    assert contents(tmp_path / "db") == before, "reading changes nothing"


def test_an_empty_folder_is_no_database_and_no_damage(tmp_path: Path) -> None:
    recovered = read_folder(tmp_path)
    assert recovered.damage is None
    assert recovered.database_id == b""
    assert list(tmp_path.iterdir()) == []


def test_progress_goes_up_to_the_end(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    steps: list[tuple[int, int]] = []
    read_folder(tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1] == 3 * SMALL.segment_bytes


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("missing", [1, 2])
def test_g7_a_missing_segment_is_refused(tmp_path: Path, missing: int) -> None:
    fill(tmp_path, 3)
    segment_path(tmp_path, missing).unlink()
    assert refusal(tmp_path).segment in (segment_path(tmp_path, 1).name, segment_path(tmp_path, missing).name)


@pytest.mark.guarantee(7)
def test_g7_a_doubled_segment_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    shutil.copy(segment_path(tmp_path, 2), segment_path(tmp_path, 3))
    error = refusal(tmp_path)
    assert error.segment == segment_path(tmp_path, 3).name
    assert "it is segment 2" in error.reason


@pytest.mark.guarantee(7)
def test_g7_renumbered_segments_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    segment_path(tmp_path, 2).rename(tmp_path / "aside")
    segment_path(tmp_path, 3).rename(segment_path(tmp_path, 2))
    (tmp_path / "aside").rename(segment_path(tmp_path, 3))
    assert refusal(tmp_path).segment == segment_path(tmp_path, 2).name


@pytest.mark.guarantee(7)
def test_g7_a_segment_of_another_database_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "a", 3)
    fill(tmp_path / "b", 3)
    shutil.copy(segment_path(tmp_path / "b", 3), segment_path(tmp_path / "a", 3))
    error = refusal(tmp_path / "a")
    assert error.segment == segment_path(tmp_path / "a", 3).name
    assert "another database" in error.reason


@pytest.mark.guarantee(7)
def test_g7_a_snapshot_of_another_database_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "a", 2)
    fill(tmp_path / "b", 1)
    with opened(tmp_path / "b") as database:
        database.checkpoint()
    shutil.copy(newest_snapshot(tmp_path / "b"), tmp_path / "a")
    assert "another database" in refusal(tmp_path / "a").reason


@pytest.mark.guarantee(7)
def test_g7_a_damaged_header_is_refused_at_every_byte(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    for number in (1, 2):
        file = segment_path(tmp_path, number)
        block = file.read_bytes()[:HEADER_BYTES]
        for at in [*range(100), 2000, HEADER_BYTES - 1]:
            overwrite(file, at, bytes([block[at] ^ 1]))
            before = contents(tmp_path)
            with pytest.raises(StorageError):
                Database.open(tmp_path, SMALL)
            assert contents(tmp_path) == before
            overwrite(file, at, block[at : at + 1])
    digest_of(tmp_path)


def test_a_format_from_the_future_is_refused_and_is_no_damage(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    make_newer(segment_path(tmp_path, 1))
    before = contents(tmp_path)
    with pytest.raises(StorageError, match="newer") as caught:
        Database.open(tmp_path, SMALL)
    assert not isinstance(caught.value, CorruptionError)
    assert segment_path(tmp_path, 1).name in str(caught.value)
    assert contents(tmp_path) == before


@pytest.mark.guarantee(7)
def test_g7_damage_in_a_segment_that_has_a_successor_is_never_a_torn_tail(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    file, last = segment_path(tmp_path, 1), group_offsets(tmp_path, 1)[-1]
    whole = file.read_bytes()
    for damage in (bytes(SECTOR_BYTES), b"?" * SECTOR_BYTES, bytes(len(whole) - last.offset)):
        overwrite(file, last.offset, damage)
        error = refusal(tmp_path)
        assert (error.segment, error.offset) == (file.name, last.offset)
        file.write_bytes(whole)
    os.truncate(file, last.offset + 100)
    assert refusal(tmp_path).offset == last.offset


def test_an_end_that_the_successor_does_not_name_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    end = log_end(tmp_path, 1).position.offset
    rewrite_header(tmp_path, 2, previous_end=end + SECTOR_BYTES)
    assert refusal(tmp_path).offset == end


def test_a_start_that_does_not_follow_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    start = log_end(tmp_path, 1).position
    rewrite_header(tmp_path, 2, start=(start.revision, start.group, 2, HEADER_BYTES, start.chain ^ 1))
    assert refusal(tmp_path).segment == segment_path(tmp_path, 1).name


def test_a_last_segment_without_groups_is_fine(tmp_path: Path) -> None:
    digest = fill(tmp_path, 3)
    end = log_end(tmp_path).position
    with opened(tmp_path) as database:
        header = SegmentHeader(
            bytes.fromhex(str(database.info()["database_id"])),
            4,
            SMALL.segment_bytes,
            (end.revision, end.group, 4, HEADER_BYTES, end.chain),
            end.offset,
        )
    segment_path(tmp_path, 4).write_bytes(encode_header(header) + bytes(SMALL.segment_bytes - HEADER_BYTES))
    with opened(tmp_path) as database:
        assert database.documents.digest() == digest
        put(database, "more")
        digest = database.documents.digest()
    assert len(group_offsets(tmp_path, 4)) == 1
    assert digest_of(tmp_path) == digest
