"""repair: the database opens again; what is lost is reported, what is whole is kept, nothing is made up."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from fluxdb._core.documents.documents import Documents
from fluxdb.errors import LockedError, StorageError
from fluxdb.limits import KIB
from fluxdb.storage.database import Database
from fluxdb.storage.layout import list_folder
from fluxdb.storage.reader import read_folder
from fluxdb.storage.repair.check import check_database
from fluxdb.storage.repair.repair import repair_database
from fluxdb.storage.repair.report import RepairReport
from fluxdb.storage.snapshot import writer as snapshot_writer
from tests.storage.folders import (
    SECTOR_BYTES,
    SMALL,
    contents,
    digest_of,
    fill,
    flip,
    group_offsets,
    long_text,
    make_newer,
    newest_snapshot,
    opened,
    overwrite,
    patch,
    put,
    remove,
    segment_path,
)


def repair(path: Path) -> RepairReport:
    """Repair; then it opens, takes writes, and there is nothing more to repair."""
    report = repair_database(path, SMALL)
    after = contents(path)
    again = repair_database(path, SMALL)
    assert not again.repaired
    assert contents(path) == after
    with opened(path) as database:
        info = database.info()
        assert (info["revision"], info["keys"]) == (report.revision, report.keys)
        put(database, "and on")
        digest = database.documents.digest()
    assert digest_of(path) == digest
    return report


def state_at(path: Path, segment: int, group: int) -> Documents:
    """The state before that group of that segment, by cutting a copy there."""
    copy = path.with_name("cut")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(path, copy)
    offset = group_offsets(copy, segment)[group].offset
    for number in list_folder(copy).segments:
        if number > segment:
            segment_path(copy, number).unlink()
    file = segment_path(copy, segment)
    overwrite(file, offset, bytes(file.stat().st_size - offset))
    return read_folder(copy, tombstones_max=SMALL.tombstones_max).documents


def salvaged(path: Path, report: RepairReport) -> list[dict[str, object]]:
    return [json.loads(line) for name in report.salvage_files for line in (path / name).read_text().splitlines()]


def test_where_nothing_is_damaged_nothing_is_changed(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    before = contents(tmp_path)
    report = repair_database(tmp_path, SMALL)
    assert not report.repaired
    assert contents(tmp_path) == before


def test_damage_in_the_middle_ends_the_log_before_it(tmp_path: Path) -> None:
    path = tmp_path / "db"
    fill(path, 3)
    before = state_at(path, 2, 4)
    whole = contents(path)
    revision_max = read_folder(path).position.revision
    flip(segment_path(path, 2), group_offsets(path, 2)[4].offset + 100)
    damaged = contents(path)
    report = repair_database(path, SMALL)
    recovered = read_folder(path, tombstones_max=SMALL.tombstones_max)
    assert recovered.damage is None
    assert recovered.documents.digest() == before.digest()
    assert report.revision == before.position.revision
    kept = contents(path)
    assert kept[segment_path(path, 2).name + ".broken"] == damaged[segment_path(path, 2).name]
    assert kept[segment_path(path, 3).name + ".broken"] == whole[segment_path(path, 3).name]
    found = salvaged(path, report)
    assert [line["revision"] for line in found] == list(range(before.position.revision + 2, revision_max + 1))
    assert f"revisions {before.position.revision + 1} to {revision_max}" in report.lost[0]
    repair(path)
    assert all(file.stat().st_mode & 0o077 == 0 for file in path.iterdir())


def test_each_kind_of_record_is_salvaged_as_it_was(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        put(database, "a")
        put(database, "b", b'{"x":1.50}')
        patch(database, "b", b'{"y":null}')
        database.committer.write(4, "b", b'{"x":null}', -1)
        remove(database, "a")
    flip(segment_path(tmp_path, 1), group_offsets(tmp_path, 1)[0].offset + 70)
    report = repair_database(tmp_path, SMALL)
    lines = (tmp_path / report.salvage_files[0]).read_text().splitlines()
    assert all(json.loads(line)["file"] == segment_path(tmp_path, 1).name for line in lines)
    assert [line[line.index('"op"') :] for line in lines] == [
        '"op":"set","key":"b","value":{"x":1.50},"version":1,"revision":2}',
        '"op":"patch","key":"b","delta":{"y":null},"version":2,"revision":3}',
        '"op":"patch","key":"b","delta":{"x":null},"remove_nulls":true,"version":3,"revision":4}',
        '"op":"delete","key":"a","version":2,"revision":5}',
    ]
    assert report.revision == 0
    repair(tmp_path)


@pytest.mark.parametrize("at", [0, 9, 13, 17, 33, 41, 50, 4095])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_damaged_header_is_made_anew_and_nothing_is_lost(tmp_path: Path, number: int, at: int) -> None:
    digest = fill(tmp_path, 3)
    whole = contents(tmp_path)
    flip(segment_path(tmp_path, number), at)
    report = repair_database(tmp_path, SMALL)
    assert report.lost == []
    assert segment_path(tmp_path, number).read_bytes() == whole[segment_path(tmp_path, number).name]
    assert digest_of(tmp_path) == digest


def test_a_damaged_header_of_the_segment_that_the_snapshot_stands_in(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    with opened(tmp_path) as database:
        database.checkpoint()
        put(database, "more")
        digest = database.documents.digest()
    overwrite(segment_path(tmp_path, 2), 0, bytes(4096))
    report = repair_database(tmp_path, SMALL)
    assert report.lost == []
    assert digest_of(tmp_path) == digest


def test_a_missing_segment_ends_the_log_before_it(tmp_path: Path) -> None:
    path = tmp_path / "db"
    fill(path, 4)
    before = state_at(path, 2, 0)
    segment_path(path, 2).unlink()
    report = repair_database(path, SMALL)
    assert digest_of(path) == before.digest()
    assert report.salvaged_records > 0
    assert list_folder(path).segments == [1]
    repair(path)


def test_a_foreign_file_is_put_aside(tmp_path: Path) -> None:
    digest = fill(tmp_path / "a", 3)
    fill(tmp_path / "b", 4)
    shutil.copy(segment_path(tmp_path / "b", 4), tmp_path / "a")
    report = repair_database(tmp_path / "a", SMALL)
    assert report.kept == [segment_path(tmp_path, 4).name + ".broken"]
    assert digest_of(tmp_path / "a") == digest


def test_names_that_can_t_be_are_put_aside(tmp_path: Path) -> None:
    digest = fill(tmp_path, 2)
    shutil.copy(segment_path(tmp_path, 2), tmp_path / "log-2")
    (tmp_path / "snapshot-1").touch()
    report = repair_database(tmp_path, SMALL)
    assert sorted(report.kept) == ["log-2.broken", "snapshot-1.broken"]
    assert digest_of(tmp_path) == digest


def checkpointed(path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[bytes, int] | None]:
    """A database of many blocks, its log retired, two writes behind the snapshot; its documents."""
    monkeypatch.setattr(snapshot_writer, "BLOCK_BYTES_MIN", 4 * KIB)
    fill(path, 3)
    with opened(path) as database:
        for number in range(20):
            put(database, f"gone {number}")
            remove(database, f"gone {number}")
        database.checkpoint()
        put(database, "behind", b'{"x":1}')
        patch(database, "behind", b'{"y":2}')
        keys = [f"key {number}" for number in range(40)]
        return {key: database.documents.get(key) for key in keys if database.documents.get(key)}


@pytest.mark.parametrize("at", [10, 75, 200, 50_000, -5])
def test_a_damaged_snapshot_gives_its_whole_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    documents = checkpointed(tmp_path, monkeypatch)
    snapshot = newest_snapshot(tmp_path)
    revision = read_folder(tmp_path).position.revision
    flip(snapshot, at % snapshot.stat().st_size)
    broken = snapshot.read_bytes()
    report = repair_database(tmp_path, SMALL)
    assert report.revision == revision, "no revision is given twice"
    assert broken in contents(tmp_path).values()
    with opened(tmp_path) as database:
        kept = [key for key in documents if database.documents.get(key) is not None]
        assert all(database.documents.get(key) == documents[key] for key in kept)
        assert len(kept) >= len(documents) - 3
        assert database.documents.get("behind") is None
    aside = [line for line in salvaged(tmp_path, report) if not line.get("in_database")]
    assert [line["op"] for line in aside] == ["set", "patch"]
    assert any("revisions" in words for words in report.lost)
    repair(tmp_path)


def test_a_snapshot_without_its_log_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = checkpointed(tmp_path, monkeypatch)
    for number in list_folder(tmp_path).segments:
        segment_path(tmp_path, number).unlink()
    report = repair_database(tmp_path, SMALL)
    with opened(tmp_path) as database:
        assert all(database.documents.get(key) == documents[key] for key in documents)
    assert report.lost
    repair(tmp_path)


def test_a_log_without_its_snapshot_is_put_aside_and_salvaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpointed(tmp_path, monkeypatch)
    newest_snapshot(tmp_path).unlink()
    report = repair_database(tmp_path, SMALL)
    assert report.keys == 0
    assert report.salvaged_records >= 2
    repair(tmp_path)


@pytest.mark.guarantee(7)
def test_g7_whatever_is_damaged_repair_makes_it_open_and_makes_nothing_up(tmp_path: Path) -> None:
    """Documents after the repair are documents that once were; the digest is that of a prefix, or less is reported."""
    path, noise = tmp_path / "db", random.Random(11)
    values: set[tuple[str, bytes, int]] = set()
    with opened(path) as database:
        while database.info()["segment"] != 3:
            key = f"k{noise.randrange(30)}"
            written = put(database, key, long_text(noise.randrange(10, 3000)))
            values.add((key, long_text(10)[:1], written[0]))
        database.checkpoint()
        for number in range(20):
            values.add((f"k{number}", b'"', put(database, f"k{number}", long_text(900))[0]))
    shutil.copytree(path, tmp_path / "sound")
    for _ in range(25):
        shutil.rmtree(path)
        shutil.copytree(tmp_path / "sound", path)
        for _ in range(noise.randrange(1, 4)):
            hit(path, noise)
        if check_database(path, SMALL).opens:
            continue
        report = repair(path)
        assert report.repaired
        assert report.damage
        with opened(path) as database:
            for number in range(30):
                stored = database.documents.get(f"k{number}")
                assert stored is None or (f"k{number}", stored[0][:1], stored[1]) in values


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("seed", range(4))
def test_g7_after_repair_check_is_content_whatever_was_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """The segments before the snapshot are there, too, and the one before it: damage to them does no harm."""
    path, noise = tmp_path / "db", random.Random(seed)
    monkeypatch.setattr(Database, "_retire", lambda database, snapshot: None)
    with opened(path) as database:
        for number in range(60):
            put(database, f"k{number % 17}", long_text(noise.randrange(10, 3000)))
            if number in (20, 40):
                database.checkpoint()
    shutil.copytree(path, tmp_path / "sound")
    for _ in range(12):
        shutil.rmtree(path)
        shutil.copytree(tmp_path / "sound", path)
        if noise.random() < 0.3:
            last = segment_path(path, list_folder(path).segments[-1])
            os.truncate(last, noise.randrange(last.stat().st_size))
        for _ in range(noise.randrange(1, 3)):
            hit(path, noise)
        repair_database(path, SMALL)
        found = check_database(path, SMALL)
        assert found.ok, [str(finding) for finding in found.findings]


def hit(path: Path, noise: random.Random) -> None:
    files = [file for file in sorted(path.iterdir()) if file.name.startswith(("log-", "snapshot-"))]
    file = noise.choice(files)
    used = len(file.read_bytes().rstrip(b"\0"))
    match noise.randrange(4):
        case 0:
            flip(file, noise.randrange(used))
        case 1:
            overwrite(file, noise.randrange(used), noise.randbytes(noise.randrange(1, 2000)))
        case 2:
            overwrite(file, noise.randrange(used) // SECTOR_BYTES * SECTOR_BYTES, bytes(SECTOR_BYTES))
        case _:
            if len(files) > 1:
                file.unlink()


def test_what_can_t_be_repaired_is_said_and_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no database"):
        repair_database(tmp_path, SMALL)
    with opened(tmp_path), pytest.raises(LockedError):
        repair_database(tmp_path, SMALL)
    make_newer(segment_path(tmp_path, 1))
    before = contents(tmp_path)
    with pytest.raises(StorageError, match="newer"):
        repair_database(tmp_path, SMALL)
    assert contents(tmp_path) == before
    with pytest.raises(StorageError):
        Database.open(tmp_path, SMALL)
