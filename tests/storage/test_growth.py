"""Segments of the log start small and grow: a new database takes little of the disk."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from fluxdb.limits import DEFAULT_LIMITS, FIRST_SEGMENT_BYTES, KIB, MIB, Limits
from fluxdb.storage import writer
from fluxdb.storage.database import Database
from fluxdb.storage.dump.dump import dump_database
from fluxdb.storage.dump.load import load_database
from fluxdb.storage.layout import list_folder
from fluxdb.storage.repair.check import check_database
from fluxdb.storage.repair.repair import repair_database
from tests.storage.folders import digest_of, long_text, opened, put, segment_path

GROWING = Limits(segment_bytes=1 * MIB, group_bytes_max=16 * KIB, checkpoint_log_bytes=0)
GROWN = [FIRST_SEGMENT_BYTES, 4 * FIRST_SEGMENT_BYTES, 1 * MIB, 1 * MIB]


def sizes(path: Path) -> list[int]:
    return [segment_path(path, number).stat().st_size for number in list_folder(path).segments]


def disk_bytes(path: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in path.iterdir())


def write_until(database: Database, segment: int) -> None:
    number = 0
    while database.info()["segment"] != segment:
        put(database, f"key {number % 40}", long_text(9000))
        number += 1


def test_a_new_database_takes_little_of_the_disk(tmp_path: Path) -> None:
    with opened(tmp_path, DEFAULT_LIMITS) as database:
        put(database, "a")
        assert disk_bytes(tmp_path) <= 128 * KIB
        database.checkpoint()
    assert disk_bytes(tmp_path) <= 128 * KIB


def test_segments_grow_up_to_segment_bytes_also_after_reopening(tmp_path: Path) -> None:
    with opened(tmp_path, GROWING) as database:
        write_until(database, 2)
    with opened(tmp_path, GROWING) as database:
        write_until(database, 4)
    assert sizes(tmp_path) == GROWN


def test_a_spare_segment_has_the_size_of_the_next_one(tmp_path: Path) -> None:
    with opened(tmp_path, GROWING) as database:
        write_until(database, 2)
        assert database.committer.prepare_spare() == 0
        assert (tmp_path / "log.spare").stat().st_size == GROWN[2]
        write_until(database, 3)
        assert sizes(tmp_path) == GROWN[:3]


def test_a_log_of_growing_segments_is_checked_and_retired(tmp_path: Path) -> None:
    with opened(tmp_path, GROWING) as database:
        write_until(database, 4)
        digest = database.info(digest=True)["digest"]
    assert not check_database(tmp_path).findings
    with opened(tmp_path, GROWING) as database:
        assert database.info(digest=True)["digest"] == digest
        database.checkpoint()
    assert sizes(tmp_path) == GROWN[3:]
    assert digest_of(tmp_path, GROWING) == digest


def test_a_log_whose_segments_have_another_first_size_is_opened_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(writer, "FIRST_SEGMENT_BYTES", 2 * MIB)
        with opened(tmp_path, GROWING) as database:
            write_until(database, 1)
            put(database, "a")
    with opened(tmp_path, GROWING) as database:
        assert database.documents.get("a") is not None
        write_until(database, 2)
    assert sizes(tmp_path) == [2 * MIB, 1 * MIB], "of a larger one, the next has segment_bytes"


def test_a_repaired_log_goes_on_in_segments_that_grow(tmp_path: Path) -> None:
    with opened(tmp_path, GROWING) as database:
        write_until(database, 3)
    with segment_path(tmp_path, 2).open("r+b") as file:
        file.seek(100 * KIB)
        file.write(b"damage" * 100)
    repair_database(tmp_path)
    with opened(tmp_path, GROWING) as database:
        write_until(database, 4)
    report = check_database(tmp_path)
    assert report.opens
    assert not [finding for finding in report.findings if finding.is_damage]


def test_a_loaded_dump_takes_little_more_of_the_disk_than_its_documents(tmp_path: Path) -> None:
    with opened(tmp_path / "first", GROWING) as database:
        for number in range(20):
            put(database, f"key {number}", long_text(1000))
    out = io.BytesIO()
    dump_database(tmp_path / "first", out.write)
    load_database(tmp_path / "second", io.BytesIO(out.getvalue()))
    assert disk_bytes(tmp_path / "second") <= FIRST_SEGMENT_BYTES + 64 * KIB
