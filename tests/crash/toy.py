"""A log of numbers, small enough to be seen to be right, and wrong in chosen ways: what the harness must find."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from tests.support.inode import State
from tests.support.shim import Shim

BUGS = (
    "no sync",
    "acknowledged before the sync",
    "no sync of the directory",
    "renamed before the sync",
    "removed first",
)


def write(directory: str, trace: str, bug: str = "") -> int:
    """Write 1 to 6, each acknowledged; at 3 everything moves to a new file. Returns how many."""
    shim = Shim()
    home = Path(directory)
    shim.begin(directory, trace)
    log = new_log(home, "a", b"", bug)
    for number in range(1, 7):
        shim.mark(f"begin {number}")
        record = f"{number} ".encode() * 200
        record += b"%08x\n" % zlib.crc32(record)
        if bug == "acknowledged before the sync":
            shim.mark(f"ack {number}")
        os.write(log, record)
        if bug != "no sync":
            os.fdatasync(log)
        shim.mark(f"ack {number}")
        if number == 3:
            os.close(log)
            if bug == "removed first":
                (home / "a").rename(home / "gone")
            log = new_log(home, "b", (home / ("gone" if bug == "removed first" else "a")).read_bytes(), bug)
            (home / ("gone" if bug == "removed first" else "a")).unlink()
    os.close(log)
    shim.end()
    return 6


def new_log(home: Path, name: str, content: bytes, bug: str) -> int:
    log = os.open(home / "tmp", os.O_WRONLY | os.O_CREAT)
    os.write(log, content)
    if bug == "renamed before the sync":
        (home / "tmp").rename(home / name)
    os.fsync(log)
    if bug != "renamed before the sync":
        (home / "tmp").rename(home / name)
    if bug != "no sync of the directory":
        directory = os.open(home, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
    return log


def recover(state: State) -> int:
    """The last number of the leading whole records; -1 where there is no log."""
    content = state.files.get("b", state.files.get("a"))
    if content is None:
        return -1 if state.files else 0
    last = 0
    for line in content.data.split(b"\n"):
        if line and b"%08x" % zlib.crc32(line[:-8]) == line[-8:]:
            last = int(line.split()[0])
        else:
            break
    return last
