"""The frames of the log, byte by byte."""

from __future__ import annotations

import struct

import pytest

from fluxdb._core.base.crc32c import crc32c
from fluxdb._core.log.frame import encode_frame


def test_a_frame_is_checksum_lengths_kind_revision_version_key_and_text() -> None:
    body = struct.pack("<IHBBQQ", 7, 3, 1, 0, 5, 6) + b"key" + b'{"a":1}'
    assert encode_frame(1, 5, 6, b"key", b'{"a":1}') == struct.pack("<I", crc32c(body)) + body


def test_a_frame_made_many_times_is_the_same() -> None:
    assert encode_frame(2, 1, 1, b"k", b"", 100) == encode_frame(2, 1, 1, b"k", b"")


@pytest.mark.parametrize(("key", "times"), [(b"", 1), (b"k" * 65_536, 1), (b"k", 0)])
def test_what_a_frame_can_not_say_is_refused(key: bytes, times: int) -> None:
    with pytest.raises(ValueError, match=r"a key has|at least once"):
        encode_frame(1, 1, 1, key, b"", times)
