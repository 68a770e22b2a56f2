"""Dump and load: the same state back, or a clear word and nothing left behind."""

from __future__ import annotations

import io
import json
from pathlib import Path

import orjson
import pytest

from fluxdb.errors import (
    FluxDBError,
    InvalidKeyError,
    InvalidValueError,
    LimitError,
    LockedError,
    StorageError,
)
from fluxdb.limits import KIB, RANGES, Limits
from fluxdb.storage.dump.dump import dump_database
from fluxdb.storage.dump.load import Loaded, load_database
from fluxdb.storage.offline import database_info
from fluxdb.storage.repair.check import check_database
from tests.storage.folders import SMALL, contents, digest_of, fill, opened, put, remove

TIGHT = Limits(key_bytes_max=10, value_bytes_max=20, depth_max=3, segment_bytes=64 * KIB)

VALUES = [
    b"null",
    b"-0.0",
    b"1e2",
    b"1.10",
    b"18446744073709551615",
    b"-9223372036854775808",
    b'""',
    b'"\\u0000\\"\\\\\\n\xf0\x9f\x98\x80"',
    b'{"":{"":[]},"value":{"key":1,"version":2},"a":[1,2,{"b":null}]}',
]
KEYS = ["a", "é", "e\u0301", "\0", "new\nline", '"quoted"', "\U0001f600", " ", "value"]


def dump(path: Path, limits: Limits = SMALL) -> bytes:
    lines: list[bytes] = []
    dump_database(path, lines.append, limits)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    return b"".join(lines)


def load(path: Path, text: bytes, limits: Limits = SMALL) -> Loaded:
    return load_database(path, io.BytesIO(text), limits)


def busy_database(path: Path) -> str:
    """Documents, tombstones, forgotten tombstones; the digest."""
    with opened(path) as database:
        for key, value in zip(KEYS, VALUES, strict=True):
            put(database, key, value)
            put(database, key, value)
        for number in range(20):
            put(database, f"gone {number}")
            remove(database, f"gone {number}")
        return database.documents.digest()


@pytest.mark.guarantee(12)
def test_g12_load_gives_the_same_state_back(tmp_path: Path) -> None:
    digest = busy_database(tmp_path / "a")
    text = dump(tmp_path / "a")
    loaded = load(tmp_path / "b", text)
    assert loaded == Loaded(documents=len(KEYS), tombstones=SMALL.tombstones_max, revision=58, is_dump=True)
    assert database_info(tmp_path / "b", SMALL)["digest"] == digest
    assert dump(tmp_path / "b") == text
    with opened(tmp_path / "b") as database:
        assert database.documents.digest() == digest
        for key, value in zip(KEYS, VALUES, strict=True):
            assert database.documents.get(key) == (value, 2)
        assert put(database, "gone 19") == (3, 59)
        assert put(database, "gone 0")[0] >= 3, "its tombstone was forgotten, its version was not"
        digest = database.documents.digest()
    assert digest_of(tmp_path / "b") == digest


def test_a_dump_after_a_checkpoint_is_the_same(tmp_path: Path) -> None:
    busy_database(tmp_path)
    text = dump(tmp_path)
    with opened(tmp_path) as database:
        database.checkpoint()
    assert dump(tmp_path) == text


def test_each_line_is_json_and_keys_are_in_order(tmp_path: Path) -> None:
    busy_database(tmp_path)
    head, *lines = [json.loads(line) for line in dump(tmp_path).decode().split("\n")[:-1]]
    assert head["fluxdb_dump"] == 1
    assert (head["documents"], head["tombstones"], head["revision"]) == (len(KEYS), SMALL.tombstones_max, 58)
    documents = [line for line in lines if "value" in line]
    assert [line["key"] for line in documents] == sorted(KEYS)
    assert all(line["deleted"] is True for line in lines[len(documents) :])


def test_dumping_changes_nothing_and_needs_the_folder_to_itself(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    before = contents(tmp_path)
    dump(tmp_path)
    assert contents(tmp_path) == before
    with opened(tmp_path), pytest.raises(LockedError):
        dump(tmp_path)


def test_there_must_be_a_database(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no database"):
        dump(tmp_path)
    with pytest.raises(StorageError, match="no database"):
        dump(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_lines_by_hand_need_a_key_and_a_value_only(tmp_path: Path) -> None:
    text = (
        b'{"key":"a","value":{"x":1}}\n\n {"value" : [ 1.50 ], "key" : "b", "version" : 7}\r\n{"key":"c","value":null}'
    )
    assert load(tmp_path, text) == Loaded(documents=3, tombstones=0, revision=3, is_dump=False)
    with opened(tmp_path) as database:
        assert database.documents.get("a") == (b'{"x":1}', 1)
        assert database.documents.get("b") == (b"[1.50]", 7)
        assert database.documents.get("c") == (b"null", 1)
        assert put(database, "b") == (8, 4)


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    assert load(tmp_path / "db", b'\xef\xbb\xbf{"key":"a","value":1}\n').documents == 1


def test_members_in_any_order_keep_the_value_s_text(tmp_path: Path) -> None:
    members = ['"key":"k"', '"value":{"version":9,"value":"a,b","key":"}"}', '"version":3', '"revision":5']
    import itertools

    lines = []
    for number, order in enumerate(itertools.permutations(members)):
        lines.append("{" + ",".join(order).replace('"k"', f'"k{number}"').replace(":5", f":{number + 1}") + "}")
    load(tmp_path, "\n".join(lines).encode())
    with opened(tmp_path) as database:
        for number in range(24):
            assert database.documents.get(f"k{number}") == (b'{"version":9,"value":"a,b","key":"}"}', 3)


HEAD = b'{"fluxdb_dump":1,"revision":5,"documents":1,"tombstones":0,"floors":{}}\n'
LINE = b'{"key":"a","value":1,"version":1,"revision":5}\n'

BAD: list[tuple[bytes, type[FluxDBError], str]] = [
    (LINE + b"nonsense\n", InvalidValueError, "line 2: "),
    (LINE + b"[1]\n", InvalidValueError, "line 2: not a JSON object"),
    (LINE + b'{"key":"b"}', InvalidValueError, 'line 2: there is no "value"'),
    (LINE + b'{"value":1}', InvalidValueError, 'line 2: there is no "key"'),
    (LINE + b'{"key":"b","value":1,"more":2}', InvalidValueError, "line 2: 'more'"),
    (LINE + b'{"key":"b","value":1,"deleted":true}', InvalidValueError, "line 2: 'value'"),
    (LINE + b'{"key":"b","deleted":false}', InvalidValueError, "line 2: "),
    (LINE + b'{"key":"","value":1}', InvalidKeyError, "line 2: "),
    (LINE + b'{"key":7,"value":1}', InvalidKeyError, "line 2: "),
    (LINE + b'{"key":"b","value":1,"version":0}', InvalidValueError, 'line 2: "version"'),
    (LINE + b'{"key":"b","value":1,"version":1.0}', InvalidValueError, 'line 2: "version"'),
    (LINE + b'{"key":"b","value":1,"version":true}', InvalidValueError, 'line 2: "version"'),
    (LINE + b'{"key":"b","value":1,"version":18446744073709551616}', InvalidValueError, "line 2: "),
    (LINE + b'{"key":"b","value":1,"version":4611686018427387905}', InvalidValueError, 'line 2: "version"'),
    (LINE + b'{"key":"b","value":1,"revision":4611686018427387905}', InvalidValueError, 'line 2: "revision"'),
    (LINE + b'{"key":"b","deleted":true,"version":18446744073709551615}', InvalidValueError, 'line 2: "version"'),
    (LINE + b'{"key":"b","value":123456789012345678901}', InvalidValueError, "line 2: "),
    (LINE + b'{"key":"b","value":NaN}', InvalidValueError, "line 2: "),
    (LINE + b'{"key":"\\ud800","value":1}', InvalidValueError, "line 2: "),
    (LINE + b'{"key":"\xff","value":1}', InvalidValueError, "line 2: "),
    (LINE + b'{"key":"b","value":1}{}', InvalidValueError, "line 2: "),
    (LINE + b'{"key":"a","value":2}', InvalidValueError, "line 2: a key is there twice"),
    (LINE + b'{"key":"elevenbytes","value":1}', LimitError, "line 2: .*key_bytes_max"),
    (LINE + b'{"key":"b","value":"0123456789012345678"}', LimitError, "line 2: .*value_bytes_max"),
    (LINE + b'{"key":"b","value":[[[[]]]]}', LimitError, "line 2: "),
    (LINE + b'{"key":"' + b"b" * 3000 + b'"}', LimitError, "line 2: "),
    (LINE + HEAD, InvalidValueError, "line 2: "),
    (HEAD + HEAD + LINE, InvalidValueError, "line 2: "),
    (HEAD, InvalidValueError, "truncated"),
    (HEAD + LINE + b'{"key":"b","value":1,"version":1,"revision":4}', InvalidValueError, "truncated or changed"),
    (HEAD + b'{"key":"a","value":1,"version":1,"revision":6}', InvalidValueError, 'line 2: "revision"'),
    (HEAD + b'{"key":"a","value":1,"version":1}', InvalidValueError, 'line 2: "revision"'),
    (HEAD.replace(b":1,", b":2,", 1) + LINE, InvalidValueError, "line 1: a dump of format 2"),
    (HEAD.replace(b"{}", b'{"4096":1}') + LINE, InvalidValueError, "line 1: "),
    (HEAD.replace(b"{}", b'{"-1":1}') + LINE, InvalidValueError, "line 1: "),
    (HEAD.replace(b"{}", b'{"7":-1}') + LINE, InvalidValueError, "line 1: "),
    (HEAD.replace(b"{}", b'{"7":4611686018427387905}') + LINE, InvalidValueError, 'line 1: "floors": "7"'),
    (HEAD.replace(b":5,", b":4611686018427387905,") + LINE, InvalidValueError, 'line 1: "revision"'),
    (HEAD.replace(b"{}", b"[]") + LINE, InvalidValueError, "line 1: "),
    (HEAD.replace(b'"tombstones":0,', b"") + LINE, InvalidValueError, 'line 1: there is no "tombstones"'),
    (b"", InvalidValueError, "the file is empty"),
    (b"\n\n", InvalidValueError, "the file is empty"),
]


@pytest.mark.guarantee(12)
@pytest.mark.parametrize(("text", "kind", "words"), BAD)
def test_g12_a_bad_line_is_told_by_its_number_and_nothing_is_left(
    tmp_path: Path, text: bytes, kind: type[FluxDBError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        load(tmp_path / "new", text, TIGHT)
    assert type(caught.value) is kind
    assert not (tmp_path / "new").exists()
    with pytest.raises(kind, match=words):
        load(tmp_path, text, TIGHT)
    assert contents(tmp_path) == {}
    assert load(tmp_path, LINE, TIGHT).documents == 1, "and the next good call works"


def test_the_greatest_numbers_that_can_be_loaded_leave_room_for_writes(tmp_path: Path) -> None:
    greatest = 1 << 62
    load(tmp_path, b'{"key":"a","value":1,"version":%d,"revision":%d}\n{"key":"b","value":1}' % (greatest, greatest))
    with opened(tmp_path) as database:
        assert put(database, "a") == (greatest + 1, greatest + 2)
        digest = database.documents.digest()
    assert digest_of(tmp_path) == digest


def test_a_document_as_deep_as_can_be_set_is_dumped_and_loaded(tmp_path: Path) -> None:
    limits = Limits(depth_max=RANGES["depth_max"][1])
    value = b"[" * limits.depth_max + b"]" * limits.depth_max
    with opened(tmp_path / "a", limits) as database:
        put(database, "a", value)
    load(tmp_path / "b", dump(tmp_path / "a", limits), limits)
    with opened(tmp_path / "b", limits) as database:
        assert database.documents.get("a") == (value, 1)


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "db", 1)
    before = contents(tmp_path / "db")
    with pytest.raises(StorageError, match="already"):
        load(tmp_path / "db", LINE)
    assert contents(tmp_path / "db") == before
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one").write_text("Dear")
    with pytest.raises(StorageError, match="not empty"):
        load(tmp_path / "letters", LINE)
    assert contents(tmp_path / "letters") == {"one": b"Dear"}


@pytest.mark.guarantee(10)
def test_g10_loading_needs_the_folder_to_itself(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(LockedError):
        load(tmp_path, LINE)


def test_an_empty_database_can_be_dumped_and_loaded(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as database:
        digest = database.documents.digest()
    text = dump(tmp_path / "a")
    assert text.count(b"\n") == 1
    load(tmp_path / "b", text)
    assert digest_of(tmp_path / "b") == digest
    assert orjson.loads(text)["documents"] == 0


def test_progress_is_told(tmp_path: Path) -> None:
    busy_database(tmp_path / "a")
    steps: list[tuple[int, int]] = []
    dump_database(tmp_path / "a", lambda line: None, SMALL, progress=lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    text = dump(tmp_path / "a")
    steps.clear()
    load_database(
        tmp_path / "b",
        io.BytesIO(text),
        SMALL,
        total_bytes=len(text),
        progress=lambda done, total: steps.append((done, total)),
    )
    assert steps[-1] == (len(text), len(text))


def test_a_load_that_fails_leaves_nothing_neither_lock_nor_folders(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "a" / "b" / "new"):
        with pytest.raises(InvalidValueError):
            load(path, LINE + b"nonsense\n")
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_what_lay_in_the_folder_before_a_load_that_fails_stays(tmp_path: Path) -> None:
    with opened(tmp_path / "db"):
        pass
    lock = (tmp_path / "db" / "LOCK").read_bytes()
    with pytest.raises(StorageError, match="already"):
        load(tmp_path / "db", LINE)
    assert len((tmp_path / "db" / "LOCK").read_bytes()) == len(lock)


def test_a_loaded_database_is_whole_and_small(tmp_path: Path) -> None:
    lines = b"".join(b'{"key":"k%d","value":"%b"}\n' % (number, b"x" * 1000) for number in range(2000))
    load(tmp_path / "db", lines)
    report = check_database(tmp_path / "db")
    assert report.ok and report.findings == []
    assert sum(file.stat().st_blocks * 512 for file in (tmp_path / "db").iterdir()) < len(lines) * 1.2
