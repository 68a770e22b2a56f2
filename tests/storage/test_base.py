"""Finding where recovery begins: which snapshot is used, and the error if none can be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fluxdb.storage.layout import list_folder, snapshot_name
from fluxdb.storage.reader import read_folder
from tests.storage.folders import (
    SMALL,
    contents,
    digest_of,
    fill,
    flip,
    log_end,
    long_text,
    newest_snapshot,
    opened,
    put,
    refusal,
    segment_path,
)


def two_snapshots(path: Path) -> tuple[Path, str]:
    """A database with an older snapshot, the log from there on, and a newer snapshot; the newer one, and the digest."""
    fill(path, 2)
    with opened(path) as database:
        database.checkpoint()
        put(database, "between", long_text(2000))
    shutil.copytree(path, path.with_name("kept"))
    with opened(path) as database:
        database.checkpoint()
        put(database, "after", long_text(1000))
        digest = database.documents.digest()
    newer = newest_snapshot(path)
    for file in path.with_name("kept").iterdir():
        if not (path / file.name).exists():
            shutil.copy(file, path)
    assert len(list_folder(path).snapshots) == 2
    return newer, digest


@pytest.mark.guarantee(9)
def test_g9_the_newest_snapshot_is_used_and_the_older_goes(tmp_path: Path) -> None:
    newer, digest = two_snapshots(tmp_path / "db")
    with opened(tmp_path / "db") as database:
        assert database.info()["snapshot"] == newer.name
        assert database.documents.digest() == digest
    assert list_folder(tmp_path / "db").snapshots == [int(newer.name[9:])]


@pytest.mark.guarantee(9)
@pytest.mark.parametrize("at", [0, 20, 100, -1])
def test_g9_where_the_newest_snapshot_is_damaged_the_older_and_the_log_give_all(tmp_path: Path, at: int) -> None:
    newer, digest = two_snapshots(tmp_path / "db")
    flip(newer, at % newer.stat().st_size)
    recovered = read_folder(tmp_path / "db", tombstones_max=SMALL.tombstones_max)
    assert recovered.damage is None
    assert newer.name in recovered.warnings[0]
    with opened(tmp_path / "db") as database:
        assert database.documents.digest() == digest
        put(database, "more")
        database.checkpoint()
        digest = database.documents.digest()
    assert len(list_folder(tmp_path / "db").snapshots) == 1
    assert digest_of(tmp_path / "db") == digest


@pytest.mark.guarantee(7)
def test_g7_a_damaged_snapshot_is_refused_where_the_log_before_it_is_gone(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    with opened(tmp_path) as database:
        database.checkpoint()
    flip(newest_snapshot(tmp_path), 100)
    assert refusal(tmp_path).segment == newest_snapshot(tmp_path).name


@pytest.mark.guarantee(7)
def test_g7_a_missing_snapshot_is_refused_where_the_log_before_it_is_gone(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    with opened(tmp_path) as database:
        database.checkpoint()
    newest_snapshot(tmp_path).unlink()
    refusal(tmp_path)


@pytest.mark.guarantee(7)
def test_g7_a_missing_log_is_refused_though_there_is_a_snapshot(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    with opened(tmp_path) as database:
        database.checkpoint()
    for number in list_folder(tmp_path).segments:
        segment_path(tmp_path, number).unlink()
    assert "missing" in refusal(tmp_path).reason


def test_a_damaged_snapshot_costs_nothing_while_the_log_begins_at_1(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        put(database, "a")
        database.checkpoint()
        put(database, "b")
        digest = database.documents.digest()
    flip(newest_snapshot(tmp_path), 100)
    assert digest_of(tmp_path) == digest


def test_a_snapshot_may_stand_at_the_end_of_a_segment_that_is_gone(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        while database.info()["segment"] == 1:
            database.checkpoint()
            put(database, "a", long_text(9000))
        digest = database.documents.digest()
    snapshot = newest_snapshot(tmp_path)
    assert int(snapshot.name[9:]) == log_end(tmp_path, 1).position.revision
    assert digest_of(tmp_path) == digest
    assert list_folder(tmp_path).segments == [2], "segment 1 was covered"
    assert digest_of(tmp_path) == digest


def test_gaps_among_segments_that_a_snapshot_covers_don_t_matter(tmp_path: Path) -> None:
    fill(tmp_path / "db", 4)
    shutil.copytree(tmp_path / "db", tmp_path / "kept")
    with opened(tmp_path / "db") as database:
        database.checkpoint()
        digest = database.documents.digest()
    shutil.copy(segment_path(tmp_path / "kept", 2), tmp_path / "db")
    assert digest_of(tmp_path / "db") == digest
    assert list_folder(tmp_path / "db").segments == [4]


def test_a_name_like_a_snapshot_s_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    (tmp_path / "snapshot-7").touch()
    assert refusal(tmp_path).segment == "snapshot-7"
    assert snapshot_name(7) not in contents(tmp_path)
