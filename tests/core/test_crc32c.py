"""CRC-32C: the published check values, and one result from every implementation."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxdb._core.base.crc32c import crc32c, crc32c_portable

Checksum = Callable[[bytes | bytearray | memoryview, int], int]

READ_COMMAND = bytes.fromhex(
    "01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018 28000000 00000000 02000000 00000000"
)

# RFC 3720 appendix B.4 (which prints the bytes of the checksum in the order sent, the lowest first), and the usual one.
CHECK_VALUES = [
    pytest.param(b"", 0, id="nothing"),
    pytest.param(bytes(32), 0x8A9136AA, id="zeros"),
    pytest.param(b"\xff" * 32, 0x62A8AB43, id="ones"),
    pytest.param(bytes(range(32)), 0x46DD794E, id="rising"),
    pytest.param(bytes(reversed(range(32))), 0x113FDB5C, id="falling"),
    pytest.param(READ_COMMAND, 0xD9963A56, id="iscsi-read-command"),
    pytest.param(b"123456789", 0xE3069283, id="digits"),
]


@pytest.fixture(params=[crc32c, crc32c_portable], ids=["processor", "portable"])
def checksum(request: pytest.FixtureRequest) -> Checksum:
    implementation: Checksum = request.param
    return implementation


@pytest.mark.parametrize(("data", "expected"), CHECK_VALUES)
def test_gives_the_published_check_values(checksum: Checksum, data: bytes, expected: int) -> None:
    assert checksum(data, 0) == expected


def test_both_agree_at_every_length_and_alignment() -> None:
    data = random.Random(1).randbytes(1024)
    view = memoryview(data)
    for start in range(9):
        for length in [*range(300), *range(380, 400), *range(760, 780), 1000]:
            part = view[start : start + length]
            assert crc32c(part) == crc32c_portable(part), (start, length)


@pytest.mark.parametrize("length", [3071, 3072, 3073, 3072 + 384, 6144 + 384 + 15, 100_003, 1 << 20])
def test_both_agree_on_long_data(length: int) -> None:
    data = random.Random(length).randbytes(length)
    assert crc32c(data, 77) == crc32c_portable(data, 77)


@given(st.binary(max_size=5000), st.integers(0, 5000), st.integers(0, 2**32 - 1))
def test_continues_where_it_left_off(data: bytes, cut: int, begin: int) -> None:
    whole = crc32c(data, begin)
    assert crc32c(data[cut:], crc32c(data[:cut], begin)) == whole
    assert crc32c_portable(data[cut:], crc32c_portable(data[:cut], begin)) == whole


def test_any_single_bit_changes_it(checksum: Checksum) -> None:
    data = bytearray(random.Random(2).randbytes(500))
    seen = {checksum(data, 0)}
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        seen.add(checksum(data, 0))
        data[bit // 8] ^= 1 << bit % 8
    assert len(seen) == 1 + 8 * len(data)


def test_takes_any_contiguous_buffer_and_refuses_the_rest(checksum: Checksum) -> None:
    assert checksum(bytearray(b"123456789"), 0) == checksum(memoryview(b"123456789"), 0) == 0xE3069283
    with pytest.raises(TypeError):
        checksum("text", 0)  # type: ignore[arg-type]
    with pytest.raises(BufferError):
        checksum(memoryview(b"12345678")[::2], 0)
    with pytest.raises(OverflowError):
        checksum(b"", -1)
