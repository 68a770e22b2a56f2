"""check: everything wrong is reported, with its place; nothing is changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fluxdb.errors import LockedError, StorageError
from fluxdb.storage.repair.check import CheckReport, check_database
from tests.storage.folders import (
    SECTOR_BYTES,
    SMALL,
    as_killed,
    contents,
    fill,
    flip,
    group_offsets,
    newest_snapshot,
    opened,
    overwrite,
    put,
    segment_path,
)


def check(path: Path) -> CheckReport:
    before = contents(path)
    report = check_database(path, SMALL)
    assert contents(path) == before
    return report


def damage(report: CheckReport) -> list[tuple[str, int]]:
    return [(finding.file, finding.offset) for finding in report.findings if finding.is_damage]


def test_a_sound_database_is_told_with_its_state(tmp_path: Path) -> None:
    digest = fill(tmp_path, 3)
    report = check(tmp_path)
    assert report.ok
    assert report.findings == []
    assert (report.segments, report.snapshots) == (3, 0)
    assert report.records == report.groups == report.state["revision"]
    assert report.state["digest"] == digest


def test_snapshots_are_looked_at_too(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    with opened(tmp_path) as database:
        database.checkpoint()
        keys = database.info()["keys"]
    report = check(tmp_path)
    assert report.ok
    assert (report.snapshots, report.snapshot_records) == (1, keys)
    flip(newest_snapshot(tmp_path), 500)
    report = check(tmp_path)
    assert not report.ok
    assert not report.opens
    assert [name for name, _ in damage(report)] == [newest_snapshot(tmp_path).name]


def test_a_torn_tail_is_no_damage(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    last = group_offsets(tmp_path, 1)[-1].offset
    with opened(tmp_path) as database:
        put(database, "a", b'"' + b"x" * 2000 + b'"')
    torn = group_offsets(tmp_path, 1)[-1].offset
    assert torn > last
    overwrite(segment_path(tmp_path, 1), torn + SECTOR_BYTES, bytes(SECTOR_BYTES))
    as_killed(tmp_path)
    report = check(tmp_path)
    assert report.ok
    assert [(finding.offset, finding.is_damage) for finding in report.findings] == [(torn, False)]
    assert "torn tail" in str(report.findings[0])
    assert str(report.findings[0]).endswith("If there was no crash, the last group is lost")


@pytest.mark.guarantee(7)
def test_g7_all_damage_is_found_not_only_the_first(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    hit = [(1, 2), (1, 9), (2, 4), (3, 0)]
    places = [
        (segment_path(tmp_path, number).name, group_offsets(tmp_path, number)[group].offset) for number, group in hit
    ]
    for name, offset in places:
        flip(tmp_path / name, offset + 100)
    report = check(tmp_path)
    assert not report.opens
    assert damage(report) == places
    assert report.records > 10


def test_a_damaged_segment_header_does_not_hide_the_groups(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    whole = check(tmp_path).groups
    flip(segment_path(tmp_path, 2), 40)
    report = check(tmp_path)
    assert not report.ok
    assert (segment_path(tmp_path, 2).name, 0) in damage(report)
    assert report.groups == whole


def test_missing_and_foreign_and_doubled_segments_are_told(tmp_path: Path) -> None:
    fill(tmp_path / "a", 3)
    fill(tmp_path / "b", 2)
    shutil.copytree(tmp_path / "a", tmp_path / "c")
    segment_path(tmp_path / "a", 2).unlink()
    assert (segment_path(tmp_path, 2).name, 0) in damage(check(tmp_path / "a"))
    shutil.copy(segment_path(tmp_path / "b", 2), tmp_path / "c")
    assert any("another database" in finding.meaning for finding in check(tmp_path / "c").findings)
    shutil.copy(segment_path(tmp_path / "c", 1), tmp_path / "c" / "log-1")
    assert damage(check(tmp_path / "c")) == [("log-1", 0)]


def test_leftovers_and_strangers_are_notes(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    (tmp_path / "log.spare").touch()
    (tmp_path / "letter").touch()
    report = check(tmp_path)
    assert report.ok
    assert {finding.file for finding in report.findings} == {"log.spare", "letter"}


def test_progress_goes_up_to_the_end(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    steps: list[tuple[int, int]] = []
    check_database(tmp_path, SMALL, progress=lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]


def test_what_can_t_be_checked_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no database"):
        check_database(tmp_path, SMALL)
    with opened(tmp_path), pytest.raises(LockedError):
        check_database(tmp_path, SMALL)
