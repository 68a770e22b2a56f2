"""Files that are missing, renamed, damaged, or not ours: refused with the right error, and never changed (G7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xxhash

from fluxdb._core.base.crc32c import crc32c
from tests.crash.victims import (
    HEADER_BYTES,
    LOCK,
    RETIRED_SNAPSHOT,
    SEGMENT_1,
    SEGMENT_2,
    SEGMENT_3,
    SNAPSHOT,
    Victim,
)
from tests.support.inode import Content, State
from tests.support.survey import record
from tests.support.worker import Worker

SECTOR_BYTES = 512

Change = Callable[[State], State]
CORRUPT = "CorruptionError"


def file(state: State, path: str) -> Content:
    content = state.files[path]
    assert content is not None
    return content


def cut(path: str, size: int) -> Change:
    return lambda state: state.changed(path, Content.of(file(state, path).data.ljust(size, b"\0")[:size]))


def renamed(path: str, to: str) -> Change:
    return lambda state: state.changed(to, file(state, path)).changed(path, None)


def copied(path: str, to: str) -> Change:
    return lambda state: state.changed(to, file(state, path))


def removed(*paths: str) -> Change:
    def change(state: State) -> State:
        for path in paths:
            state = state.changed(path, None)
        return state

    return change


def overwritten(path: str, at: int, data: bytes) -> Change:
    def change(state: State) -> State:
        content = bytearray(file(state, path).data.ljust(file(state, path).size, b"\0"))
        content[at : at + len(data)] = data
        return state.changed(path, Content.of(content))

    return change


def added(path: str, data: bytes) -> Change:
    return lambda state: state.changed(path, Content.of(data))


def newer_segment(path: str) -> Change:
    """As a later version would write it."""

    def change(state: State) -> State:
        block = bytearray(file(state, path).data[:HEADER_BYTES].ljust(HEADER_BYTES, b"\0"))
        block[8:12] = (99).to_bytes(4, "little")
        block[12:16] = crc32c(bytes(block[16:]), crc32c(bytes(block[:12]))).to_bytes(4, "little")
        return overwritten(path, 0, bytes(block))(state)

    return change


def newer_snapshot(path: str) -> Change:
    """As a later version would write it."""

    def change(state: State) -> State:
        head = bytearray(file(state, path).data[:72])
        head[8:12] = (99).to_bytes(4, "little")
        return overwritten(path, 0, bytes(head) + xxhash.xxh3_64(bytes(head)).intdigest().to_bytes(8, "little"))(state)

    return change


REFUSED: dict[str, tuple[Change, str]] = {
    "first segment missing, snapshot within it": (removed(SEGMENT_1), CORRUPT),
    "all segments missing": (removed(SEGMENT_1, SEGMENT_2), CORRUPT),
    "first segment is empty": (cut(SEGMENT_1, 0), CORRUPT),
    "first segment cut in its header": (cut(SEGMENT_1, 100), CORRUPT),
    "first segment cut in its groups": (cut(SEGMENT_1, 8192), CORRUPT),
    "last segment is empty": (cut(SEGMENT_2, 0), CORRUPT),
    "last segment cut in its header": (cut(SEGMENT_2, 4095), CORRUPT),
    "last segment without its free space": (
        lambda state: cut(SEGMENT_2, len(file(state, SEGMENT_2).data))(state),
        CORRUPT,
    ),
    "last segment renumbered": (renamed(SEGMENT_2, "db/log-0000000000000003"), CORRUPT),
    "first segment under the number of the last": (copied(SEGMENT_1, SEGMENT_2), CORRUPT),
    "first segment once more, as the third": (copied(SEGMENT_1, "db/log-0000000000000003"), CORRUPT),
    "last segment once more, under another spelling": (copied(SEGMENT_2, "db/log-2"), CORRUPT),
    "snapshot renamed, and the log before it": (
        lambda state: removed(SEGMENT_1)(renamed(SNAPSHOT, "db/snapshot-00000000000000000006")(state)),
        CORRUPT,
    ),
    "snapshot missing, and the log behind it": (removed(SEGMENT_1, SNAPSHOT), CORRUPT),
    "snapshot cut": (lambda state: removed(SEGMENT_1)(cut(SNAPSHOT, 300)(state)), CORRUPT),
    "a middle group zeroed": (overwritten(SEGMENT_2, HEADER_BYTES, bytes(SECTOR_BYTES)), CORRUPT),
    "garbage for a segment": (overwritten(SEGMENT_2, 0, b"garbage" * 1000), CORRUPT),
    "garbage for the first segment": (overwritten(SEGMENT_1, 0, b"garbage" * 1000), CORRUPT),
    "a segment that is text": (added("db/log-0000000000000003", b"hello\n"), CORRUPT),
    "a segment of zeros": (added("db/log-0000000000000003", bytes(65536)), CORRUPT),
    "a folder with the name of a segment": (
        lambda state: State({**state.files, "db/log-0000000000000003": None}),
        "StorageError",
    ),
    "a segment from a newer format": (newer_segment(SEGMENT_2), "StorageError"),
    "a first segment from a newer format": (newer_segment(SEGMENT_1), "StorageError"),
    "the folder is a file": (lambda state: State({"db": Content.of(b"I am a file")}), "StorageError"),
}


def look(worker: Worker, root: Path, state: State, keys: list[str]) -> dict[str, Any]:
    root.mkdir()
    state.write_to(root)
    said: dict[str, Any] = worker.call("tests.support.openings:look", directory=str(root), keys=keys)
    return said


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("name", REFUSED)
def test_g7_a_folder_that_can_not_be_read_whole_is_refused_and_left_as_it_is(
    victim: Victim, worker: Worker, tmp_path: Path, name: str
) -> None:
    change, error = REFUSED[name]
    state = change(victim.state)
    said = look(worker, tmp_path / "it", state, victim.run.history.keys)
    assert said["error"] and said["kind"] == error, said
    assert State.read_from(tmp_path / "it").without(LOCK) == state, "something was changed on disk"


REFUSED_WHERE_RETIRED: dict[str, tuple[Change, str]] = {
    "first segment missing": (removed(SEGMENT_2), CORRUPT),
    "first segment and last missing": (removed(SEGMENT_2, SEGMENT_3), CORRUPT),
    "snapshot missing": (removed(RETIRED_SNAPSHOT), CORRUPT),
    "snapshot renamed": (renamed(RETIRED_SNAPSHOT, "db/snapshot-00000000000000000009"), CORRUPT),
    "snapshot cut": (cut(RETIRED_SNAPSHOT, 300), CORRUPT),
    "snapshot empty": (cut(RETIRED_SNAPSHOT, 0), CORRUPT),
    "snapshot longer": (overwritten(RETIRED_SNAPSHOT, 60000, b"x"), CORRUPT),
    "snapshot from a newer format": (newer_snapshot(RETIRED_SNAPSHOT), "StorageError"),
    "garbage for a snapshot": (overwritten(RETIRED_SNAPSHOT, 0, b"garbage" * 100), CORRUPT),
}


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("name", REFUSED_WHERE_RETIRED)
def test_g7_a_snapshot_that_is_needed_and_not_whole_is_refused(
    retired: Victim, worker: Worker, tmp_path: Path, name: str
) -> None:
    change, error = REFUSED_WHERE_RETIRED[name]
    state = change(retired.state)
    said = look(worker, tmp_path / "it", state, retired.run.history.keys)
    assert said["error"] and said["kind"] == error, said
    assert State.read_from(tmp_path / "it").without(LOCK) == state, "something was changed on disk"


@pytest.mark.guarantee(7)
def test_g7_a_foreign_segment_is_refused_and_left_as_it_is(victim: Victim, worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = record(worker, tmp_path / "other", "flips").disk_after().seen()
    for number, path in enumerate((SEGMENT_1, SEGMENT_2, SNAPSHOT)):
        state = victim.state.changed(path, file(other, path))
        said = look(worker, tmp_path / f"{number}", state, victim.run.history.keys)
        assert said["error"] and said["kind"] == CORRUPT, (path, said)
        assert State.read_from(tmp_path / f"{number}").without(LOCK) == state


def cleared(victim: Victim, at: int, byte_count: int) -> Change:
    """Zeros over some of the last group."""
    return overwritten(victim.last_segment, victim.last_group.start + at, bytes(byte_count))


REFUSED_WHERE_CLOSED: dict[str, Callable[[Victim], Change]] = {
    "last segment missing": lambda victim: removed(SEGMENT_2),
    "last group zeroed": lambda victim: cleared(victim, 0, len(victim.last_group)),
    "first sector of the last group zeroed": lambda victim: cleared(victim, 0, SECTOR_BYTES),
    "last sector of the last group zeroed": lambda victim: cleared(victim, SECTOR_BYTES, SECTOR_BYTES),
    "last segment zeroed behind its header": lambda victim: overwritten(
        SEGMENT_2, HEADER_BYTES, bytes(file(victim.state, SEGMENT_2).size - HEADER_BYTES)
    ),
    "all files missing": lambda victim: removed(SEGMENT_1, SEGMENT_2, SNAPSHOT),
}


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("name", REFUSED_WHERE_CLOSED)
def test_g7_what_a_closed_database_has_lost_is_refused_though_a_crash_could_have_left_it(
    victim: Victim, worker: Worker, tmp_path: Path, name: str
) -> None:
    change = REFUSED_WHERE_CLOSED[name](victim)
    closed, killed = change(victim.closed_state), change(victim.state)
    said = look(worker, tmp_path / "closed", closed, victim.run.history.keys)
    assert said["error"] and said["kind"] == CORRUPT, said
    assert State.read_from(tmp_path / "closed").without(LOCK) == closed, "something was changed on disk"
    said = look(worker, tmp_path / "killed", killed, victim.run.history.keys)
    assert not said["error"], said


HARMLESS: dict[str, Change] = {
    "unfinished files": lambda state: added("db/log.spare", b"x" * 5000)(
        added(f"db/snapshot-{9:020d}.tmp", b"half")(state)
    ),
    "files of others": lambda state: added("db/notes.txt", b"mine")(added("db/.hidden", b"mine, too")(state)),
    "snapshot gone, the whole log there": removed(SNAPSHOT),
    "snapshot renamed, the whole log there": renamed(SNAPSHOT, "db/snapshot-00000000000000000006"),
    "snapshot damaged, the whole log there": overwritten(SNAPSHOT, 200, b"????"),
    "no LOCK": lambda state: state,
    "a note of the end that is damaged": added("db/log.end", b"x" * 512),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_no_harm_is_no_reason_to_refuse(victim: Victim, worker: Worker, tmp_path: Path, name: str) -> None:
    history = victim.run.history
    said = look(worker, tmp_path / "it", HARMLESS[name](victim.state), history.keys)
    assert not said["error"], said
    assert said["revision"] == history.revision and said["fingerprint"] == history.fingerprint(history.revision)
    left = {path.name for path in (tmp_path / "it" / "db").iterdir()}
    assert not any(path.endswith(".tmp") for path in left)
    assert left >= {"notes.txt", ".hidden"} if name == "files of others" else True
