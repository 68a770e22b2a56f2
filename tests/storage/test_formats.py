"""Formats of the log beside each other: older ones open and are not added to, newer ones are not taken for damage."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest

import fluxdb
from fluxdb._core.documents.documents import Documents, read_records
from fluxdb._core.log.segment import FORMAT_VERSION
from fluxdb.errors import CorruptionError, StorageError
from fluxdb.model import Kind
from fluxdb.storage.database import Database
from fluxdb.storage.layout import list_folder
from fluxdb.storage.reader import read_folder
from fluxdb.storage.repair.check import check_database
from fluxdb.storage.repair.repair import repair_database
from fluxdb.storage.segments import read_segment_file
from tests.golden.make import HERE, LIMITS, STATE_NAME
from tests.storage.folders import contents, flip, opened, put, segment_path
from tests.storage.forged_log import EXPIRES, JOINED, Frame, write_log

SOON_MS = 4_000_000_000_000  # in 2096


def format_versions(path: Path) -> list[int]:
    segments = [read_segment_file(path, number) for number in list_folder(path).segments]
    return [segment.header.format_version for segment in segments if segment.header is not None]


def records(documents: Documents) -> dict[str, tuple[bytes | None, int]]:
    with documents.open_view() as view:
        block, _ = view.read_block(1 << 20)
    return {key: (text, version) for key, text, version, *_ in read_records(block)}


# Older


@pytest.mark.parametrize("name", ["closed", "killed"])
def test_a_segment_of_an_older_format_is_never_added_to(tmp_path: Path, name: str) -> None:
    shutil.unpack_archive(HERE / f"log-format-2-{name}.tar.gz", tmp_path, filter="data")
    revision = json.loads((tmp_path / STATE_NAME).read_text())["revision"]
    with opened(tmp_path, LIMITS):
        pass
    before = contents(tmp_path)
    assert format_versions(tmp_path) == [2, 2, 2, 2]
    with opened(tmp_path, LIMITS) as database:
        assert put(database, "more")[1] == revision + 1
        put(database, "and more")
        assert database.info()["segment"] == 5, "one new segment, not one for each write"
    assert format_versions(tmp_path) == [2, 2, 2, 2, FORMAT_VERSION]
    for number in range(1, 5):
        assert segment_path(tmp_path, number).read_bytes() == before[segment_path(tmp_path, number).name]


def test_opening_and_closing_without_a_write_leaves_an_older_folder_to_the_older_fluxdb(tmp_path: Path) -> None:
    shutil.unpack_archive(HERE / "log-format-2-closed.tar.gz", tmp_path, filter="data")
    before = contents(tmp_path)
    with opened(tmp_path, LIMITS) as database:
        assert database.documents.get("biggest") is not None
    assert contents(tmp_path) == before


# Newer


@pytest.mark.parametrize(
    "frame",
    [Frame(7, b"key", b"1", 2), Frame(Kind.SET, b"key", b"1", 2, flags=4), Frame(0, b"key", b"", 2)],
    ids=["kind 7", "flag 4", "kind 0"],
)
def test_an_unknown_kind_or_flag_is_called_newer_and_nothing_is_changed(tmp_path: Path, frame: Frame) -> None:
    write_log(tmp_path, [Frame(Kind.SET, b"key", b"1", 1)], [frame])
    before = contents(tmp_path)
    for look in (lambda: Database.open(tmp_path), lambda: fluxdb.open(tmp_path, read_only=True),
                 lambda: check_database(tmp_path), lambda: repair_database(tmp_path)):  # fmt: skip
        with pytest.raises(StorageError, match="newer") as caught:
            look()
        assert not isinstance(caught.value, CorruptionError)
    assert contents(tmp_path) == before


# Frames of format 3


def test_replay_gives_a_document_its_expiry_and_asks_no_clock(tmp_path: Path) -> None:
    past_ms = 1_000
    write_log(
        tmp_path,
        [
            Frame(Kind.SET, b"past", b'{"a":1}', 1, EXPIRES, past_ms),
            Frame(Kind.PATCH, b"past", b'{"b":2}', 2),
            Frame(Kind.SET, b"gone", b"1", 1, EXPIRES, past_ms),
            Frame(Kind.EXPIRE, b"gone", b"", 2),
            Frame(Kind.SET, b"touched", b"[1]", 1, EXPIRES, past_ms),
            Frame(Kind.TOUCH, b"touched", b"", 2),
            Frame(Kind.SET, b"later", b"2", 1),
            Frame(Kind.TOUCH, b"later", b"", 2, EXPIRES, SOON_MS),
            Frame(Kind.SET, b"later", b"3", 3),
        ],
    )
    documents = read_folder(tmp_path).documents
    assert records(documents) == {
        "past": (b'{"a":1,"b":2}', 2),
        "gone": (None, 2),
        "touched": (b"[1]", 2),
        "later": (b"3", 3),
    }


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Kind.TOUCH, b"missing", b"", 1, EXPIRES, SOON_MS),
        Frame(Kind.TOUCH, b"key", b"1", 2),
        Frame(Kind.EXPIRE, b"key", b"", 2),
        Frame(Kind.DELETE, b"key", b"", 2, EXPIRES, SOON_MS),
        Frame(Kind.SET, b"key", b"1", 2, EXPIRES, 0),
        Frame(Kind.SET, b"key", b"", 2),
    ],
    ids=[
        "touch of nothing",
        "touch with a text",
        "expire of what does not",
        "delete that expires",
        "expiry 0",
        "no text",
    ],
)
def test_a_frame_that_no_write_could_have_logged_is_damage(tmp_path: Path, frame: Frame) -> None:
    write_log(tmp_path, [Frame(Kind.SET, b"key", b"1", 1)], [frame])
    with pytest.raises(CorruptionError, match="don't follow"):
        Database.open(tmp_path)


def test_g4_repair_leaves_out_half_a_batch(tmp_path: Path) -> None:
    batch = [Frame(Kind.SET, b"batch %d" % i, b"%d" % i, 1, JOINED if i < 3 else 0) for i in range(4)]
    alone = Frame(Kind.SET, b"alone", b"9" * 600, 1)
    write_log(tmp_path, [Frame(Kind.SET, b"key", b"1", 1)], [Frame(Kind.SET, b"key", b"2", 2)], [alone, *batch])
    flip(segment_path(tmp_path, 1), 4096 + 512 + 8)  # the second group: all behind it is salvage
    last_text = segment_path(tmp_path, 1).read_bytes().index(b"batch 2") + 7
    flip(segment_path(tmp_path, 1), last_text)
    report = repair_database(tmp_path)
    lines = [json.loads(line) for name in report.salvage_files for line in (tmp_path / name).read_text().splitlines()]
    assert [line["key"] for line in lines] == ["alone"]


def test_what_is_salvaged_names_batch_and_expiry(tmp_path: Path) -> None:
    batch = [
        Frame(Kind.SET, b"a", b"1", 1, JOINED | EXPIRES, 2_500),
        Frame(Kind.TOUCH, b"a", b"", 2, JOINED),
        Frame(Kind.EXPIRE, b"b", b"", 7),
    ]
    write_log(tmp_path, [Frame(Kind.SET, b"key", b"1", 1)], [Frame(Kind.SET, b"key", b"2", 2)], batch)
    flip(segment_path(tmp_path, 1), 4096 + 512 + 8)
    report = repair_database(tmp_path)
    lines = [json.loads(line) for name in report.salvage_files for line in (tmp_path / name).read_text().splitlines()]
    shared = {"file": "log-0000000000000001", "offset": 5120, "group": 3, "group_whole": True}
    assert lines == [
        shared | {"op": "set", "key": "a", "value": 1, "expires_at": 2.5, "joined": True, "version": 1, "revision": 3},
        shared | {"op": "touch", "key": "a", "joined": True, "version": 2, "revision": 4},
        shared | {"op": "expire", "key": "b", "version": 7, "revision": 5},
    ]


def test_the_flags_and_the_expiry_lie_where_the_drawing_says(tmp_path: Path) -> None:
    (offset,) = write_log(tmp_path, [Frame(Kind.SET, b"key", b"12", 1, JOINED | EXPIRES, SOON_MS)], clock_ms=77)
    data = segment_path(tmp_path, 1).read_bytes()[offset:]
    assert struct.unpack_from("<Q", data, 56) == (77,)
    assert data[64 + 10 : 64 + 12] == bytes([Kind.SET, 3])
    assert data[64 + 28 :][: 5 + 8] == b"key12" + struct.pack("<Q", SOON_MS)
