"""Groups of the log, made by hand: what this FluxDB does not write, or not yet, as another one would."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from fluxdb._core.base.crc32c import crc32c
from fluxdb._core.log.frame import encode_frame
from fluxdb._core.log.segment import SECTOR_BYTES, SegmentHeader, encode_header, segment_name
from fluxdb.storage.base import FIRST_POSITION

SEGMENT_BYTES = 64 * 1024
JOINED = 1
EXPIRES = 2


class Frame(NamedTuple):
    """A frame without its revision, which comes from its place."""

    kind: int
    key: bytes
    text: bytes
    version: int
    flags: int = 0
    expires_at_ms: int = 0


def write_log(path: Path, *groups: list[Frame], clock_ms: int = 0) -> list[int]:
    """A folder with one segment that holds these groups; the offset of each."""
    start = FIRST_POSITION
    data = bytearray(encode_header(SegmentHeader(b"forged forged db", 1, SEGMENT_BYTES, start, 0)))
    revision, chain = 1, 0
    offsets = []
    for number, frames in enumerate(groups, 1):
        offsets.append(len(data))
        body = b"".join(
            encode_frame(
                frame.kind,
                revision + at,
                frame.version,
                frame.key,
                frame.text,
                flags=frame.flags,
                expires_at_ms=frame.expires_at_ms,
            )
            for at, frame in enumerate(frames)
        )
        rest = struct.pack("<QQQQQIIQ", number, 1, len(data), revision, len(body), len(frames), chain, clock_ms)
        chain = crc32c(rest)
        data += b"FXG\xff" + struct.pack("<I", chain) + rest + body + b"\xf1\xdb\xe5\xd7"
        data += bytes(-len(data) % SECTOR_BYTES)
        revision += len(frames)
    path.mkdir(exist_ok=True)
    (path / segment_name(1)).write_bytes(data.ljust(SEGMENT_BYTES, b"\0"))
    return offsets
