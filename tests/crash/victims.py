"""Folders for the tests of damage: what lies in them, and what they must hold."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.support.inode import State
from tests.support.survey import Run, record
from tests.support.worker import Pool

HEADER_BYTES = 4096
LOCK = "LOCK"
END = "db/log.end"
SEGMENT_1, SEGMENT_2, SEGMENT_3 = (f"db/log-{number:016d}" for number in (1, 2, 3))
SNAPSHOT = "db/snapshot-00000000000000000005"
RETIRED_SNAPSHOT = "db/snapshot-00000000000000000008"


class Victim(NamedTuple):
    """A folder with a snapshot and two segments, and what it holds."""

    run: Run
    state: State  # as a kill leaves it
    closed_state: State  # as a close leaves it, with the note of where the log ends
    last_group: range  # in the last segment: from its first to its last sector's end
    last_segment: str


def make_victim(pool: Pool, directory: Path, name: str, files: list[str]) -> Victim:
    """Run the script of that name; ``files`` are what it must leave."""
    run = record(pool.workers[0], directory.resolve(), name)
    closed_state = run.disk_after().seen().without(LOCK, "log.spare")
    state = closed_state.changed(END, None)
    assert sorted(path for path, content in state.files.items() if content is not None) == sorted(files)
    last = [entry for entry in run.entries if entry.data and entry.offset >= HEADER_BYTES][-1]
    last_segment = max(path for path in state.files if "log-" in path)
    return Victim(run, state, closed_state, range(last.offset, last.offset + len(last.data)), last_segment)


def whole(pool: Pool, directory: Path) -> Victim:
    """The whole log is there, the snapshot only saves time."""
    return make_victim(pool, directory, "flips", [SEGMENT_1, SEGMENT_2, SNAPSHOT])


def retired(pool: Pool, directory: Path) -> Victim:
    """Everything before the snapshot is gone."""
    files = [SEGMENT_2, SEGMENT_3, RETIRED_SNAPSHOT]
    return make_victim(pool, directory, "retired", files)
