"""Snapshots: written from a view, read back; no damage passes."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest

from fluxdb._core.documents.documents import Documents, block_directories, pack_record
from fluxdb.errors import CorruptionError, StorageError
from fluxdb.model import Position
from fluxdb.storage.layout import snapshot_name
from fluxdb.storage.snapshot import format as snapshot_format
from fluxdb.storage.snapshot import writer as snapshot_writer
from fluxdb.storage.snapshot.reader import SnapshotReader, load_snapshot
from fluxdb.storage.snapshot.writer import Share, SnapshotWriter, write_snapshot

POSITION = Position(revision=900, group=40, segment=3, offset=8192, chain=0xDEADBEEF)
DATABASE_ID = bytes(range(16))


def some_documents(count: int, tombstones: int = 3) -> Documents:
    documents = Documents()
    documents.begin(POSITION, b"")
    for i in range(count):
        documents.load_block(pack_record(f"key {i}", b'{"n":%d}' % i, 1 + i % 7, 1 + i))
    for i in range(tombstones):
        documents.load_block(pack_record(f"gone {i}", None, 3, 800 + i))
    documents.loaded()
    return documents


def write(folder: Path, documents: Documents) -> Path:
    with documents.open_view() as view:
        size = write_snapshot(folder, DATABASE_ID, view)
    path = folder / snapshot_name(POSITION.revision)
    assert path.stat().st_size == size
    return path


def read(folder: Path) -> Documents:
    documents = Documents()
    with closing(SnapshotReader(folder, POSITION.revision)) as reader:
        load_snapshot(reader, documents)
    return documents


@pytest.mark.parametrize("count", [0, 1, 500])
def test_what_was_written_is_read(tmp_path: Path, count: int) -> None:
    documents = some_documents(count)
    write(tmp_path, documents)
    again = read(tmp_path)
    assert again.digest() == documents.digest()
    assert again.position == POSITION
    assert (len(again), again.tombstones) == (count, 3)
    assert [path.name for path in tmp_path.iterdir()] == [snapshot_name(900)]


def test_floors_are_kept(tmp_path: Path) -> None:
    documents = Documents(tombstones_max=2)
    documents.begin(POSITION, b"")
    for i in range(9):
        documents.load_block(pack_record(f"gone {i}", None, 5 + i, 1 + i))
    documents.loaded()
    write(tmp_path, documents)
    with closing(SnapshotReader(tmp_path, 900)) as reader:
        assert len(reader.floors) == snapshot_format.FLOORS_BYTES
    assert read(tmp_path).digest() == documents.digest()


def test_it_is_written_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_writer, "BLOCK_BYTES_MIN", 1000)
    documents = some_documents(500)
    write(tmp_path, documents)
    with closing(SnapshotReader(tmp_path, 900)) as reader:
        blocks = list(reader.blocks())
    assert len(blocks) > 10
    assert sum(records for _, _, records in blocks) == 503
    assert read(tmp_path).digest() == documents.digest()


def test_others_may_not_read_it(tmp_path: Path) -> None:
    assert write(tmp_path, some_documents(1)).stat().st_mode & 0o077 == 0


def small_snapshot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(snapshot_writer, "BLOCK_BYTES_MIN", 200)
    return write(folder, some_documents(20))


def refused(folder: Path) -> CorruptionError | StorageError:
    with pytest.raises(StorageError) as caught:
        read(folder)
    return caught.value


@pytest.mark.guarantee(7)
def test_g7_a_bit_flipped_anywhere_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_snapshot(tmp_path, monkeypatch)
    whole = path.read_bytes()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (at % 8)
        path.write_bytes(damaged)
        error = refused(tmp_path)
        if isinstance(error, CorruptionError):
            assert error.segment == path.name
            assert error.offset <= at
        else:
            pytest.fail(f"byte {at}: {error}")


@pytest.mark.guarantee(7)
def test_g7_cut_at_any_byte_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_snapshot(tmp_path, monkeypatch)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert isinstance(refused(tmp_path), CorruptionError)
    path.write_bytes(whole + b"\0")
    assert "after its footer" in str(refused(tmp_path))


def test_noise_is_refused_and_no_length_is_believed(tmp_path: Path) -> None:
    noise = random.Random(5)
    path = tmp_path / snapshot_name(900)
    header = snapshot_format.encode_header(DATABASE_ID, POSITION, b"")
    for _ in range(200):
        path.write_bytes(header + noise.randbytes(noise.randrange(200)))
        assert isinstance(refused(tmp_path), CorruptionError)
    huge = snapshot_format.encode_block(0, 900, b"", 1, bytes(4))
    path.write_bytes(header + huge[:24] + (1 << 62).to_bytes(8, "little") + huge[32:])
    assert "truncated" in str(refused(tmp_path))


def test_a_block_of_another_snapshot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / snapshot_name(900)
    payload = pack_record("a", b"1", 1, 1)
    block = snapshot_format.encode_block(0, 899, payload, 1, block_directories(payload, 1)[0][3])
    footer = snapshot_format.encode_footer(snapshot_format.Totals(1, 1, len(payload)))
    path.write_bytes(snapshot_format.encode_header(DATABASE_ID, POSITION, b"") + block + footer)
    assert isinstance(refused(tmp_path), CorruptionError)


@pytest.mark.parametrize("payload", [b"nonsense", pack_record("a", b"1", 1, 901), pack_record("a", b"1", 1, 5) * 2])
def test_records_that_make_no_sense_are_refused_though_the_checksum_fits(tmp_path: Path, payload: bytes) -> None:
    with closing(SnapshotWriter(tmp_path, DATABASE_ID, POSITION, b"")) as writer:
        writer.add_records(payload)
        writer.commit()
    assert isinstance(refused(tmp_path), CorruptionError)


def test_a_count_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    payload = pack_record("a", b"1", 1, 1)
    block = snapshot_format.encode_block(0, POSITION.revision, payload, 2, bytes(8))
    footer = snapshot_format.encode_footer(snapshot_format.Totals(1, 2, len(payload)))
    path = tmp_path / snapshot_name(POSITION.revision)
    path.write_bytes(snapshot_format.encode_header(DATABASE_ID, POSITION, b"") + block + footer)
    assert "holds 1" in str(refused(tmp_path))


@pytest.mark.guarantee(7)
def test_g7_a_block_that_is_missing_is_noticed_though_all_that_is_there_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_snapshot(tmp_path, monkeypatch)
    whole = path.read_bytes()
    with closing(SnapshotReader(tmp_path, POSITION.revision)) as reader:
        starts = [at for at, _, _ in reader.blocks()]
    ends = [*starts[1:], len(whole) - snapshot_format.FOOTER_BYTES]
    assert len(starts) > 2
    for start, end in zip(starts, ends, strict=True):
        path.write_bytes(whole[:start] + whole[end:])
        assert isinstance(refused(tmp_path), CorruptionError)


def test_a_renamed_snapshot_is_refused(tmp_path: Path) -> None:
    write(tmp_path, some_documents(1)).rename(tmp_path / snapshot_name(901))
    with pytest.raises(CorruptionError, match="renamed"):
        SnapshotReader(tmp_path, 901)


def test_a_format_from_the_future_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_format, "SNAPSHOT_FORMAT_VERSION", 4)
    write(tmp_path, some_documents(1))
    monkeypatch.undo()
    error = refused(tmp_path)
    assert not isinstance(error, CorruptionError)
    assert "format 4" in str(error)


def test_pieces_are_larger_where_the_snapshot_has_to_end_and_where_nobody_else_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_writer, "PIECE_BYTES", 200)
    monkeypatch.setattr(snapshot_writer, "LONE_PIECE_BYTES", 1000)
    monkeypatch.setattr(snapshot_writer, "LARGE_PIECE_BYTES", 300)
    shares = iter([Share.SMALL, Share.WHOLE, Share.LARGE, Share.LARGE])
    sizes: list[int] = []

    def pace(seconds: float) -> Share:
        sizes.append(writer._size)
        return next(shares, Share.SMALL)

    with closing(SnapshotWriter(tmp_path, DATABASE_ID, POSITION, b"", pace)) as writer:
        writer._write(bytes(2500 - writer._size))
    assert sizes == [200, 400, 1400, 1700, 2000, 2200, 2400]


@pytest.mark.guarantee(9)
def test_g9_what_fails_on_the_way_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(seconds: float) -> Share:
        raise KeyError(seconds)

    monkeypatch.setattr(snapshot_writer, "PIECE_BYTES", 64)
    documents = some_documents(10)
    with documents.open_view() as view, pytest.raises(KeyError):
        write_snapshot(tmp_path, DATABASE_ID, view, fail)
    assert list(tmp_path.iterdir()) == []
    write(tmp_path, documents)


@pytest.mark.guarantee(9)
def test_g9_the_name_comes_last(tmp_path: Path) -> None:
    with closing(SnapshotWriter(tmp_path, DATABASE_ID, POSITION, b"")) as writer:
        writer.add_records(pack_record("a", b"1", 1, 1))
        assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
        writer.commit()
        assert [path.name for path in tmp_path.iterdir()] == [snapshot_name(900)]


def test_a_folder_that_is_gone_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="can't write"):
        SnapshotWriter(tmp_path / "nowhere", DATABASE_ID, POSITION, b"")
    with pytest.raises(StorageError, match="can't read"):
        SnapshotReader(tmp_path, 900)
