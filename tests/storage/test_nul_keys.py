"""Keys that look like something else on the disk: like sectors that were never written, or like a group."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fluxdb._core.commit.channel import Channel
from fluxdb._core.log.survey import read_group_header
from fluxdb.limits import MIB, Limits
from fluxdb.model import Kind
from fluxdb.storage.database import Database
from fluxdb.storage.log_end import END_NAME
from tests.core.conftest import drain
from tests.storage.folders import (
    HEADER_BYTES,
    SECTOR_BYTES,
    as_killed,
    contents,
    flip,
    group_offsets,
    long_text,
    opened,
    overwrite,
    put,
    refusal,
    segment_path,
)

LIMITS = Limits(segment_bytes=4 * MIB, key_bytes_max=20_000, checkpoint_log_bytes=0)
NUL_KEYS = ["\0" * 1024, "\0" * 932, "\0" * 5000, "abc" + "\0" * 1100 + "def", "\0" * 600 + "é" * 600 + "\0" * 1500]


def last_group(path: Path, *keys: str) -> int:
    """Return where the last group of a new database with these keys lies. The database is left as a kill leaves it."""
    for attempt in range(100):
        offset = write_last_group(path, keys, pause_seconds=attempt * 0.0005)
        header = read_group_header(segment_path(path, 1).read_bytes(), offset)
        assert header is not None
        if header.records == len(keys):
            return offset
        for file in path.iterdir():
            file.unlink()
    raise AssertionError("the keys never gathered in one group")


def write_last_group(path: Path, keys: tuple[str, ...], pause_seconds: float) -> int:
    with opened(path, LIMITS) as database:
        put(database, "a")
        channel = Channel(database.committer)
        channel.submit(Kind.SET, "a", long_text(20_000))  # while that is synced the others gather in a group
        time.sleep(pause_seconds)  # until that is being synced
        for key in keys:
            channel.submit(Kind.SET, key, b'{"v":1}')
        drain(channel)
    as_killed(path)
    return group_offsets(path, 1)[-1].offset


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("key", NUL_KEYS, ids=len)
def test_g7_damage_to_the_last_group_is_no_torn_tail_where_a_key_holds_sectors_of_nuls(
    tmp_path: Path, key: str
) -> None:
    offset = last_group(tmp_path, key)
    file = segment_path(tmp_path, 1)
    flip(file, file.read_bytes().rindex(b'{"v":1}') + 5)
    error = refusal(tmp_path)
    assert (error.segment, error.offset) == (file.name, offset)
    assert "all of its sectors were written" in error.reason


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("broken", [0, 1, 2])
def test_g7_damage_beside_a_record_whose_key_holds_sectors_of_nuls_is_no_torn_tail(tmp_path: Path, broken: int) -> None:
    keys = ["before", "\0" * 2000, "behind"]
    last_group(tmp_path, *keys)
    file = segment_path(tmp_path, 1)
    at = file.read_bytes().rindex(keys[0].encode())
    for _ in range(broken + 1):
        at = file.read_bytes().index(b'{"v":1}', at + 1)
    flip(file, at + 5)
    assert "all of its sectors were written" in refusal(tmp_path).reason


@pytest.mark.parametrize("key", ["p" * 2000, "p" * 5000, "p" * 420 + "\0" * 5 + "p" * 2000])
def test_a_last_group_that_lacks_a_sector_within_a_key_is_a_torn_tail(tmp_path: Path, key: str) -> None:
    offset = last_group(tmp_path, key)
    whole = contents(tmp_path)
    sectors = range(offset + SECTOR_BYTES, offset + 64 + 28 + len(key) - SECTOR_BYTES, SECTOR_BYTES)
    for first in sectors:
        for missing in (1, 2):
            file = segment_path(tmp_path, 1)
            file.write_bytes(whole[file.name])
            overwrite(file, first, bytes(missing * SECTOR_BYTES))
            (tmp_path / END_NAME).unlink(missing_ok=True)
            with opened(tmp_path, LIMITS) as database:
                assert database.info()["recovery"]["torn"]["offset"] == offset
                assert database.documents.get("a") is not None


def test_a_last_group_that_lacks_a_sector_beside_a_key_of_nuls_is_a_torn_tail(tmp_path: Path) -> None:
    key = "\0" * 1500
    offset = last_group(tmp_path, key)
    last_sector = (offset + 64 + 28 + len(key)) // SECTOR_BYTES * SECTOR_BYTES
    overwrite(segment_path(tmp_path, 1), last_sector, bytes(SECTOR_BYTES))
    Database.open(tmp_path, LIMITS).close()


def test_no_text_can_hold_the_magic_of_a_group(tmp_path: Path) -> None:
    """Else a key could pass for a later group, and make a torn tail look like damage."""
    with opened(tmp_path) as database:
        put(database, "a")
    magic = segment_path(tmp_path, 1).read_bytes()[HEADER_BYTES : HEADER_BYTES + 4]
    assert any(byte >= 0xF8 for byte in magic), "no such byte is ever in UTF-8"
