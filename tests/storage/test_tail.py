"""Changes to the end of the log before the first new write."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import shutil
from pathlib import Path

import pytest

from fluxdb.errors import CorruptionError, StorageError
from fluxdb.storage.database import Database
from fluxdb.storage.layout import NOTE_NAME
from fluxdb.storage.log_end import END_NAME
from fluxdb.storage.reader import read_folder
from fluxdb.storage.repair.check import check_database
from fluxdb.storage.repair.repair import repair_database
from fluxdb.storage.system import durable
from tests.storage.folders import (
    HEADER_BYTES,
    SECTOR_BYTES,
    SMALL,
    as_killed,
    contents,
    digest_of,
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

SECTORS = 5  # of the last group


def with_last_group(path: Path) -> tuple[str, str, int, int]:
    """A log of three groups as a kill leaves it: digests without and with the last one, its offset and its end."""
    with opened(path) as database:
        put(database, "first")
        put(database, "second", long_text(700))
        before = database.documents.digest()
        put(database, "last", long_text(SECTORS * SECTOR_BYTES - 150))
        after = database.documents.digest()
    last, end = group_offsets(path, 1)[-1], log_end(path).position
    assert end.offset - last.offset == SECTORS * SECTOR_BYTES
    as_killed(path)
    return before, after, last.offset, end.offset


def opens_to(path: Path, digest: str, *, torn: bool) -> None:
    """It opens with that state, again and again, and nothing is left behind the log's end."""
    for time in range(2):
        with opened(path) as database:
            assert database.documents.digest() == digest
            report = database.info()["recovery"]
            assert isinstance(report, dict)
            assert (report["torn"] is not None) == (torn and time == 0)
    assert not segment_path(path, 1).read_bytes()[log_end(path).position.offset :].strip(b"\0")
    assert sorted(contents(path)) == [segment_path(path, 1).name, END_NAME]


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("lost", [s for n in range(1, SECTORS + 1) for s in itertools.combinations(range(SECTORS), n)])
def test_g7_a_group_that_lacks_sectors_is_cut_and_reported(tmp_path: Path, lost: tuple[int, ...]) -> None:
    before, _, offset, _ = with_last_group(tmp_path)
    for sector in lost:
        overwrite(segment_path(tmp_path, 1), offset + sector * SECTOR_BYTES, bytes(SECTOR_BYTES))
    opens_to(tmp_path, before, torn=len(lost) < SECTORS)


@pytest.mark.guarantee(7)
def test_g7_a_last_segment_cut_at_any_byte_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    """A segment has its full size before it gets its name, so no crash makes it shorter."""
    _, _, offset, end = with_last_group(tmp_path)
    file = segment_path(tmp_path, 1)
    whole = file.read_bytes()
    for size in (0, 100, HEADER_BYTES - 1, HEADER_BYTES, *range(offset, end + 100, 7), len(whole) - 1):
        file.write_bytes(whole[:size])
        error = refusal(tmp_path)
        assert error.segment == file.name
        if size >= HEADER_BYTES:
            assert error.offset == size
            assert f"it was made with {len(whole)} bytes" in str(error) and "fluxdb repair" in str(error)


@pytest.mark.guarantee(7)
def test_g7_a_cut_last_segment_is_repaired_up_to_the_cut_and_check_is_content(tmp_path: Path) -> None:
    before, after, offset, end = with_last_group(tmp_path / "db")
    whole = segment_path(tmp_path / "db", 1).read_bytes()
    group_end = len(whole[:end].rstrip(b"\0"))
    for size in (HEADER_BYTES + 512, offset, offset + 70, offset + 1000, group_end - 1, group_end, len(whole) - 1):
        path = tmp_path / f"cut at {size}"
        shutil.copytree(tmp_path / "db", path)
        segment_path(path, 1).write_bytes(whole[:size])
        assert not check_database(path).ok
        report = repair_database(path, SMALL)
        assert segment_path(path, 1).stat().st_size == len(whole)
        assert (path / report.kept[0]).read_bytes() == whole[:size]
        assert report.lost[0].startswith(("everything written after revision", "revisions"))
        found = check_database(path)
        assert found.ok
        assert size < offset or found.state["digest"] == (after if size >= group_end else before), size
        with opened(path) as database:
            put(database, "more", long_text(4000))
            digest = database.documents.digest()
        assert digest_of(path) == digest


@pytest.mark.guarantee(7)
def test_g7_a_bit_flipped_in_the_last_group_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    _, after, offset, end = with_last_group(tmp_path)
    file = segment_path(tmp_path, 1)
    written = len(file.read_bytes()[:end].rstrip(b"\0"))
    for at in (*range(offset, offset + 130), *range(offset + 130, written, 97), written - 1):
        flip(file, at)
        before = contents(tmp_path)
        with pytest.raises(CorruptionError) as caught:
            Database.open(tmp_path, SMALL)
        assert (caught.value.segment, caught.value.offset) == (file.name, offset)
        assert contents(tmp_path) == before
        flip(file, at)
    assert digest_of(tmp_path) == after


@pytest.mark.guarantee(7)
def test_g7_a_hole_in_a_group_that_is_not_the_last_is_damage(tmp_path: Path) -> None:
    with_last_group(tmp_path)
    second = group_offsets(tmp_path, 1)[1].offset
    overwrite(segment_path(tmp_path, 1), second, bytes(SECTOR_BYTES))
    with pytest.raises(CorruptionError) as caught:
        Database.open(tmp_path, SMALL)
    assert caught.value.offset == second
    assert "later group" in caught.value.reason


@pytest.mark.guarantee(2)
def test_g2_a_shorter_group_over_a_torn_one_brings_nothing_back_to_life(tmp_path: Path) -> None:
    """The zeros over the torn tail are there before the first write, so no cut behind it leaves old bytes."""
    _, _, offset, _ = with_last_group(tmp_path)
    overwrite(segment_path(tmp_path, 1), offset, bytes(SECTOR_BYTES))
    with opened(tmp_path) as database:
        put(database, "short")
        digest = database.documents.digest()
    assert not segment_path(tmp_path, 1).read_bytes()[log_end(tmp_path).position.offset :].strip(b"\0")
    assert digest_of(tmp_path) == digest


class Spy:
    """Sees what is written at open; ``sync_fails`` for segments."""

    def __init__(self) -> None:
        self.written: list[tuple[int, int]] = []  # from, to
        self.sync_fails = False

    def write_all(self, descriptor: int, data: bytes, offset: int) -> None:
        self.written.append((offset, offset + len(data)))
        durable.write_all(descriptor, data, offset)

    def sync_file(self, descriptor: int) -> None:
        if self.sync_fails and os.fstat(descriptor).st_size > HEADER_BYTES:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        durable.sync_file(descriptor)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy = Spy()
    monkeypatch.setattr("fluxdb.storage.tail.write_all", spy.write_all)
    monkeypatch.setattr("fluxdb.storage.tail.sync_file", spy.sync_file)
    return spy


@pytest.mark.guarantee(2)
def test_g2_the_zeros_are_written_again_where_their_sync_may_have_failed(tmp_path: Path, spy: Spy) -> None:
    before, _, offset, end = with_last_group(tmp_path)
    file = segment_path(tmp_path, 1)
    overwrite(file, offset, bytes(SECTOR_BYTES))
    torn_end = len(file.read_bytes()[:end].rstrip(b"\0"))
    spy.sync_fails = True
    with pytest.raises(StorageError, match="the disk reports a fault"):
        Database.open(tmp_path, SMALL)
    assert NOTE_NAME in contents(tmp_path)
    assert not file.read_bytes()[offset:].strip(b"\0"), "the page cache shows zeros, whatever the disk holds"
    spy.sync_fails = False
    spy.written.clear()
    with opened(tmp_path) as database:
        assert database.documents.digest() == before
    assert (offset, torn_end) in spy.written
    assert NOTE_NAME not in contents(tmp_path)


@pytest.mark.guarantee(2)
def test_g2_where_a_torn_tail_lies_is_durable_before_the_first_zero_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut might leave half of the zeros, and nothing that says where the rest belongs."""
    _, _, offset, _ = with_last_group(tmp_path)
    overwrite(segment_path(tmp_path, 1), offset, bytes(SECTOR_BYTES))
    calls: list[str] = []

    def note(doing: str, file: os.stat_result) -> None:
        places = {".": tmp_path, NOTE_NAME: tmp_path / NOTE_NAME, "log": segment_path(tmp_path, 1)}
        calls.extend(f"{doing} {name}" for name, path in places.items() if os.path.samestat(file, path.stat()))

    def write_all(descriptor: int, data: bytes, offset: int) -> None:
        note("write", os.fstat(descriptor))
        durable.write_all(descriptor, data, offset)

    def sync_file(descriptor: int) -> None:
        note("sync", os.fstat(descriptor))
        durable.sync_file(descriptor)

    def sync_directory(directory: Path) -> None:
        note("sync", directory.stat())
        durable.sync_directory(directory)

    for spy in (write_all, sync_file, sync_directory):
        monkeypatch.setattr(f"fluxdb.storage.tail.{spy.__name__}", spy)
    with opened(tmp_path):
        pass
    assert calls == [f"write {NOTE_NAME}", f"sync {NOTE_NAME}", "sync .", "write log", "write log", "sync log"]


@pytest.mark.guarantee(2)
def test_g2_an_old_note_of_a_torn_tail_never_reaches_what_was_written_since(tmp_path: Path) -> None:
    before, _, offset, _ = with_last_group(tmp_path)
    position = group_offsets(tmp_path, 1)[-1]
    note = json.dumps([*position, 100_000])
    (tmp_path / NOTE_NAME).write_text(note)
    with opened(tmp_path) as database:
        assert database.documents.digest() != before
    assert log_end(tmp_path).position.offset > offset


@pytest.mark.parametrize("note", ["", "[]", "[1]", "{}", "null", "nonsense", "[1,2,3,4,5,6,7]", "7", "[[1],2,3,4,5,6]"])
def test_a_note_that_says_nothing_is_passed_over(tmp_path: Path, note: str) -> None:
    _, after, _, _ = with_last_group(tmp_path)
    (tmp_path / NOTE_NAME).write_text(note)
    assert digest_of(tmp_path) == after
    assert NOTE_NAME not in contents(tmp_path)


@pytest.mark.guarantee(2)
def test_g2_the_last_group_is_written_again_at_open(tmp_path: Path, spy: Spy) -> None:
    _, _, offset, end = with_last_group(tmp_path)
    before = segment_path(tmp_path, 1).read_bytes()
    with opened(tmp_path):
        pass
    assert spy.written == [(offset, end)]
    assert segment_path(tmp_path, 1).read_bytes() == before


@pytest.mark.guarantee(7)
def test_g7_noise_in_the_last_group_never_opens_to_a_wrong_state(tmp_path: Path) -> None:
    before, after, offset, end = with_last_group(tmp_path)
    file, noise = segment_path(tmp_path, 1), random.Random(7)
    whole = file.read_bytes()
    for _ in range(100):
        data = bytearray(whole)
        at = noise.randrange(offset, end)
        data[at : at + noise.randrange(1, 600)] = noise.randbytes(noise.randrange(1, 600))
        file.write_bytes(data)
        recovered = read_folder(tmp_path)
        assert recovered.damage is not None or recovered.documents.digest() in (before, after)
