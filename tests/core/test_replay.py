"""The layout of the log and what the reader makes of what is not whole."""

from __future__ import annotations

import struct
import time
from typing import Any

import pytest

from fluxdb._core.base.crc32c import crc32c
from fluxdb._core.commit.channel import Channel
from fluxdb._core.documents.documents import Documents
from fluxdb._core.log.replay import STOP_BODY, STOP_END, STOP_HEADER, STOP_PLACE, STOP_RECORD, replay
from fluxdb._core.log.segment import FORMAT_VERSION, SegmentHeader, decode_header, encode_header, segment_name
from fluxdb._core.log.survey import find_group, has_gap, last_nonzero, read_frames, read_group_header
from fluxdb.errors import StorageError
from fluxdb.model import Kind, Position
from tests.core.conftest import START


@pytest.fixture
def segment(log: Any) -> bytearray:
    """Three groups of one record each, in a file of 1 MiB."""
    log.committer.write(Kind.SET, "a", b'"first"')
    log.committer.write(Kind.PATCH, "a", b'{"x":1}')
    log.committer.write(Kind.DELETE, "a", None)
    return bytearray((log.folder / segment_name(1)).read_bytes())


def stopped(segment: bytes | bytearray) -> Any:
    return replay(None, segment, START)


def test_the_layout_is_the_documented_one(segment: bytearray) -> None:
    magic, checksum, group, number, offset, revision, body, records, chain, clock_ms = struct.unpack_from(
        "<4sIQQQQQIIQ", segment, 4096
    )
    assert (magic, group, number, offset, revision, records, chain) == (b"FXG\xff", 1, 1, 4096, 1, 1, 0)
    assert abs(clock_ms / 1000 - time.time()) < 86_400
    assert checksum == crc32c(bytes(segment[4096 + 8 : 4096 + 64]))
    frame = bytes(segment[4096 + 64 : 4096 + 64 + body])
    crc, text_bytes, key_bytes, kind, spare, revision, version = struct.unpack_from("<IIHBBQQ", frame)
    assert crc == crc32c(frame[4:])
    assert (text_bytes, key_bytes, kind, spare, revision, version) == (7, 1, Kind.SET, 0, 1, 1)
    assert frame[28:] == b'a"first"'
    assert segment[4096 + 64 + body :][:4] == b"\xf1\xdb\xe5\xd7"
    assert struct.unpack_from("<I", segment, 4096 + 512 + 52)[0] == checksum, "the next group repeats it"


def test_a_whole_log_is_read_to_its_end(segment: bytearray) -> None:
    stop = stopped(segment)
    assert (stop.reason, stop.groups, stop.records, stop.last_group_offset) == (STOP_END, 3, 3, 4096 + 1024)
    assert stop.position == Position(3, 3, 1, 4096 + 1536, read_group_header(segment, 4096 + 1024).checksum)  # type: ignore[union-attr]
    assert read_frames(segment, 4096 + 512) == [(Kind.PATCH, 2, 2, "a", b'{"x":1}', False, 0)]


def test_every_flipped_bit_of_a_group_is_noticed(segment: bytearray) -> None:
    length = read_group_header(segment, 4096 + 512).group_bytes  # type: ignore[union-attr]
    for at in range(4096 + 512, 4096 + 512 + length):
        for bit in range(8):
            segment[at] ^= 1 << bit
            stop = stopped(segment)
            assert stop.groups == 1, (at, bit)
            assert stop.reason in (STOP_HEADER, STOP_BODY), (at, bit)
            segment[at] ^= 1 << bit
    assert stopped(segment).groups == 3


def test_a_group_is_taken_whole_or_not_at_all(log: Any) -> None:
    channel = Channel(log.committer)
    log.committer.write(Kind.SET, "before", b"1")
    for i in range(20):
        channel.submit(Kind.SET, f"k{i}", b"1")
    while channel.outstanding:
        channel.collect()
    whole = (log.folder / segment_name(1)).read_bytes()
    ends = {START.offset: 0}
    position = START
    while (header := read_group_header(whole, position.offset)) is not None:
        end = header.offset + header.group_bytes
        position = Position(
            header.first_revision + header.records - 1, header.group, 1, -(-end // 512) * 512, header.checksum
        )
        ends[end] = position.revision
    for cut in range(START.offset, max(ends) + 1):
        documents = Documents()
        documents.begin(START, b"")
        replay(documents, whole[:cut] + bytes(600), START)
        assert documents.position.revision == max(revision for end, revision in ends.items() if end <= cut), cut
        assert len(documents) == documents.position.revision


@pytest.mark.parametrize("field", ["group", "segment", "first_revision", "chain"])
def test_a_group_from_elsewhere_is_told_by_its_place(segment: bytearray, field: str) -> None:
    moved = START._replace(**{{"first_revision": "revision"}.get(field, field): 7})
    assert replay(None, segment, moved).reason == STOP_PLACE


def test_a_group_moved_within_its_segment_is_no_group(segment: bytearray) -> None:
    segment[8192 : 8192 + 512] = segment[4096 : 4096 + 512]
    assert read_group_header(segment, 8192) is None
    assert replay(None, segment, START._replace(offset=8192)).reason == STOP_HEADER


def test_a_forged_length_is_not_believed(segment: bytearray) -> None:
    for length in (0, 2**63, 2**64 - 1, len(segment)):
        struct.pack_into("<Q", segment, 4096 + 40, length)
        struct.pack_into("<I", segment, 4096 + 4, crc32c(bytes(segment[4096 + 8 : 4096 + 64])))
        stop = stopped(segment)
        assert (stop.groups, stop.reason) == (0, STOP_BODY)


@pytest.mark.guarantee(7)
def test_g7_a_whole_record_in_the_place_of_another_makes_no_group(segment: bytearray) -> None:
    frame = bytearray(segment[4096 + 64 : 4096 + 64 + 36])
    struct.pack_into("<Q", frame, 12, 2)
    struct.pack_into("<I", frame, 0, crc32c(bytes(frame[4:])))
    segment[4096 + 64 : 4096 + 64 + 36] = frame
    stop = stopped(segment)
    assert (stop.groups, stop.reason) == (0, STOP_BODY)


def test_records_that_do_not_follow_from_the_state_stop_the_replay(segment: bytearray) -> None:
    documents = Documents()
    documents.begin(START, b"")
    frame = bytearray(segment[4096 + 64 : 4096 + 64 + 36])
    struct.pack_into("<B", frame, 10, Kind.EXPIRE)
    struct.pack_into("<I", frame, 0, crc32c(bytes(frame[4:])))
    segment[4096 + 64 : 4096 + 64 + 36] = frame
    assert replay(documents, segment, START).reason == STOP_RECORD
    assert len(documents) == 0


@pytest.mark.parametrize("length", [0, 1, 63, 4095, 4096, 4097, 4096 + 63])
def test_a_file_cut_anywhere_is_read_without_harm(segment: bytearray, length: int) -> None:
    stop = stopped(segment[:length])
    assert stop.groups == 0
    assert stop.reason == (STOP_END if length <= 4096 else STOP_HEADER)


def test_later_groups_zero_sectors_and_leftovers_are_found(segment: bytearray) -> None:
    assert find_group(segment, 4096, 1, 0) == 4096
    assert find_group(segment, 4097, 1, 1) == 4096 + 512
    assert find_group(segment, 4096, 1, 3) == -1
    assert find_group(segment, 4096, 2, 0) == -1
    group_bytes = read_group_header(segment, 4096).group_bytes  # type: ignore[union-attr]
    end = 4096 + 1024 + read_group_header(segment, 4096 + 1024).group_bytes  # type: ignore[union-attr]
    assert last_nonzero(segment, 4096) == end - 1
    assert last_nonzero(segment, end) == -1
    assert not has_gap(segment, 4096)
    assert has_gap(segment[: 4096 + group_bytes - 1], 4096)
    segment[4096 + group_bytes - 1] = 0
    assert has_gap(segment, 4096)
    with pytest.raises(ValueError, match="no group"):
        has_gap(segment, 4097)


def test_a_segment_header_says_what_was_put_into_it() -> None:
    header = SegmentHeader(b"0123456789abcdef", 7, 1 << 20, Position(5, 4, 7, 4096, 99), 8192)
    assert decode_header(encode_header(header)) == header
    assert len(encode_header(header)) == 4096


def test_every_flipped_bit_of_a_segment_header_is_refused() -> None:
    block = bytearray(encode_header(SegmentHeader(b"i" * 16, 1, 1 << 20, START, 0)))
    for at in range(len(block)):
        block[at] ^= 4
        with pytest.raises(ValueError, match=r"checksum|not a FluxDB"):
            decode_header(block)
        block[at] ^= 4


def test_a_newer_format_is_told_from_damage() -> None:
    block = bytearray(encode_header(SegmentHeader(b"i" * 16, 1, 1 << 20, START, 0)))
    struct.pack_into("<I", block, 8, FORMAT_VERSION + 1)
    struct.pack_into("<I", block, 12, crc32c(bytes(block[16:]), crc32c(bytes(block[:12]))))
    with pytest.raises(StorageError, match="newer FluxDB"):
        decode_header(block)


def test_the_format_before_the_first_release_is_told_from_damage() -> None:
    block = bytearray(encode_header(SegmentHeader(b"i" * 16, 1, 1 << 20, START, 0)))
    struct.pack_into("<I", block, 8, 1)
    struct.pack_into("<I", block, 12, crc32c(bytes(block[16:]), crc32c(bytes(block[:12]))))
    with pytest.raises(StorageError, match="`fluxdb dump`"):
        decode_header(block)
