"""Reading what the shim recorded."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from tests.support.shim import Call

_ENTRY = struct.Struct("=IiqqIIII")


class Entry(NamedTuple):
    """One recorded call. The meaning of ``offset`` and ``argument`` depends on the call (see shim.c)."""

    call: Call
    fd: int
    offset: int
    argument: int
    error: int
    path: str
    path2: str
    data: bytes

    @property
    def mark(self) -> str:
        return self.data.decode() if self.call == Call.MARK else ""


def read_trace(path: Path) -> list[Entry]:
    """All entries, in the order in which the kernel saw the calls."""
    data = path.read_bytes()
    entries: list[Entry] = []
    at = 0
    while at < len(data):
        call, fd, offset, argument, path_bytes, path2_bytes, data_bytes, error = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size
        parts = []
        for length in (path_bytes, path2_bytes, data_bytes):
            parts.append(data[at : at + length])
            at += length
        entry = Entry(Call(call), fd, offset, argument, error, parts[0].decode(), parts[1].decode(), parts[2])
        assert entry.call != Call.UNSUPPORTED, f"the process went past the record: {entry}"
        entries.append(entry)
    assert at == len(data), "the trace ends within an entry"
    return entries
