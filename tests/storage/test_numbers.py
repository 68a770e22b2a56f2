"""Versions and revisions at the end of their range: never given twice, and never believed where they can't be."""

from __future__ import annotations

import os
import struct
from contextlib import closing
from pathlib import Path

import pytest

from fluxdb._core.base.crc32c import crc32c
from fluxdb._core.commit.channel import Channel
from fluxdb._core.documents.documents import Documents, pack_record
from fluxdb._core.log.segment import SegmentHeader, create_segment, encode_header
from fluxdb.errors import StorageError
from fluxdb.limits import KIB
from fluxdb.model import Kind
from fluxdb.storage.base import FIRST_POSITION
from fluxdb.storage.repair.repair import repair_database
from fluxdb.storage.snapshot.writer import SnapshotWriter
from tests.storage.folders import HEADER_BYTES, digest_of, opened, overwrite, put, refusal, remove, segment_path

LAST = 2**63 - 1  # what a client can name as if_version
BUCKETS = 4096


def make_database(path: Path, *, revision: int = 5, version: int = 1, floor: int = 0) -> None:
    """A snapshot with the key "a" in it, and an empty log behind it."""
    path.mkdir()
    position = FIRST_POSITION._replace(revision=revision)
    floors = struct.pack(f"<{BUCKETS}Q", *[floor] * BUCKETS) if floor else b""
    with closing(SnapshotWriter(path, b"i" * 16, position, floors)) as writer:
        writer.add_records(pack_record("a", b"1", version, min(revision, 5)))
        writer.commit()
    directory = os.open(path, os.O_RDONLY)
    try:
        os.close(create_segment(directory, SegmentHeader(b"i" * 16, 1, 64 * KIB, position, 0)))
    finally:
        os.close(directory)


@pytest.mark.parametrize(
    ("numbers", "last"),
    [
        ({"revision": LAST - 1}, (2, LAST)),
        ({"version": LAST - 1}, (LAST, 6)),
        ({"version": LAST - 2, "floor": LAST - 1}, (LAST - 1, 6)),
    ],
)
def test_no_number_is_given_beyond_the_last_one(tmp_path: Path, numbers: dict[str, int], last: tuple[int, int]) -> None:
    make_database(tmp_path / "db", **numbers)
    with opened(tmp_path / "db") as database:
        assert put(database, "a") == last
        if "floor" in numbers:
            assert put(database, "b")[0] == LAST
        key = "b" if "floor" in numbers else "a"
        with pytest.raises(StorageError, match="dump"):
            put(database, key)
        with pytest.raises(StorageError, match="dump"):
            remove(database, key)
        channel = Channel(database.committer)
        with pytest.raises(StorageError, match="dump"):
            channel.submit(Kind.PATCH, key, b"{}")
        digest = database.documents.digest()
    assert digest_of(tmp_path / "db") == digest


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("numbers", [{"revision": LAST + 1}, {"version": LAST + 1}, {"floor": LAST + 1}])
def test_g7_a_snapshot_with_a_number_that_can_not_be_is_damaged(tmp_path: Path, numbers: dict[str, int]) -> None:
    make_database(tmp_path / "db", **numbers)
    assert refusal(tmp_path / "db").segment.startswith(("snapshot-", "log-"))


@pytest.mark.parametrize("numbers", [{"version": LAST + 1}, {"floor": LAST + 1}])
def test_a_snapshot_with_a_number_that_can_not_be_is_repaired(tmp_path: Path, numbers: dict[str, int]) -> None:
    make_database(tmp_path / "db", **numbers)
    assert repair_database(tmp_path / "db").damage
    with opened(tmp_path / "db") as database:
        assert database.documents.get("a") == (None if "version" in numbers else (b"1", 1))


def log_of_one_write(path: Path) -> Path:
    with opened(path) as database:
        put(database, "b")
    return segment_path(path, 1)


def reseal(segment: bytearray) -> None:
    """The checksums of the first group's frame and header, as if they had been written so."""
    text_bytes, key_bytes = struct.unpack_from("<IH", segment, HEADER_BYTES + 68)
    frame_end = HEADER_BYTES + 64 + 28 + key_bytes + text_bytes
    struct.pack_into("<I", segment, HEADER_BYTES + 64, crc32c(bytes(segment[HEADER_BYTES + 68 : frame_end])))
    struct.pack_into("<I", segment, HEADER_BYTES + 4, crc32c(bytes(segment[HEADER_BYTES + 8 : HEADER_BYTES + 64])))


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("version", [0, LAST + 1, 2**64 - 1])
def test_g7_a_log_with_a_version_that_can_not_be_is_damaged(tmp_path: Path, version: int) -> None:
    file = log_of_one_write(tmp_path)
    segment = bytearray(file.read_bytes())
    struct.pack_into("<Q", segment, HEADER_BYTES + 64 + 20, version)
    reseal(segment)
    overwrite(file, 0, bytes(segment))
    error = refusal(tmp_path)
    assert (error.segment, error.offset) == (file.name, HEADER_BYTES)


@pytest.mark.guarantee(7)
def test_g7_a_log_with_a_revision_that_can_not_be_is_damaged(tmp_path: Path) -> None:
    make_database(tmp_path / "db", revision=LAST)
    file = segment_path(tmp_path / "db", 1)
    segment = bytearray(log_of_one_write(tmp_path / "other").read_bytes())
    start = FIRST_POSITION._replace(revision=LAST)
    segment[:HEADER_BYTES] = encode_header(SegmentHeader(b"i" * 16, 1, 64 * KIB, start, 0))
    for place in (HEADER_BYTES + 32, HEADER_BYTES + 64 + 12):
        struct.pack_into("<Q", segment, place, LAST + 1)
    reseal(segment)
    file.write_bytes(segment)
    error = refusal(tmp_path / "db")
    assert (error.segment, error.offset) == (file.name, HEADER_BYTES)


def test_documents_take_no_number_that_can_not_be() -> None:
    documents = Documents()
    documents.begin(FIRST_POSITION._replace(revision=LAST), b"")
    with pytest.raises(ValueError, match="impossible version or revision"):
        documents.load_block(pack_record("a", b"1", LAST + 1, 1))
    assert documents.load_block(pack_record("b", b"1", LAST, LAST)) == 1
