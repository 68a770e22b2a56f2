"""A bit flipped in every byte: refused, or the exact state, or the exact state without the last group (G7)."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.conftest import DEPTH
from tests.crash.victims import LOCK, Victim
from tests.support.inode import Content, State
from tests.support.survey import keeping
from tests.support.worker import Pool, Worker


def flipped(content: Content, at: int) -> Content:
    """One bit of that byte is another; which one depends on the place."""
    data = bytearray(content.data.ljust(at + 1, b"\0"))
    data[at] ^= 1 << (zlib.crc32(str(at).encode()) % 8)
    return Content.of(data + bytes(content.size - len(data)))


def places(content: Content, step: int) -> Iterator[int]:
    """Every byte; but of long runs of one byte (a large value, free space) every 97th, and their ends."""
    data = content.data + bytes(content.size - len(content.data))
    for at in range(0, content.size, step):
        same = data[max(0, at - 24) : at + 25]
        if at % 97 == 0 or len(set(same)) > 1:
            yield at


def flip_points(victim: Victim, step: int) -> Iterator[tuple[str, int, State]]:
    for path, content in victim.state.files.items():
        if content is not None:
            for at in places(content, step):
                yield path, at, victim.state.changed(path, flipped(content, at))


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("name", ["victim", "retired"])
def test_g7_a_flipped_bit_is_refused_or_changes_nothing(
    name: str, request: pytest.FixtureRequest, pool: Pool, memory_path: Path
) -> None:
    victim: Victim = request.getfixturevalue(name)
    history = victim.run.history
    final, before_last = history.revision, history.revision - 2  # the last group holds two writes

    def check(worker: Worker, flip: tuple[str, int, State]) -> str:
        path, at, state = flip
        root = memory_path / f"{Path(path).name}-{at}"
        root.mkdir()
        state.write_to(root)
        said = worker.call("tests.support.openings:look", directory=str(root), keys=history.keys)
        with keeping(state):
            outcome = judge(path, at, said)
            if outcome == "refused":
                left = State.read_from(root)
                assert left.without(LOCK) == state, f"{path}, byte {at}: something was changed"
        shutil.rmtree(root)
        return outcome

    def judge(path: str, at: int, said: dict[str, Any]) -> str:
        where = f"a bit flipped in {path}, byte {at}"
        if said["error"]:
            assert said["kind"] == "CorruptionError", f"{where}: {said['error']}"
            # A broken header of a segment may show in its neighbour, where the two don't fit any more.
            assert said["segment"] and said["offset"] >= 0, where
            return "refused"
        if said["revision"] == final:
            assert said["fingerprint"] == history.fingerprint(final), f"{where}: a wrong value was served"
            return "nothing changed"
        assert said["revision"] == before_last, f"{where}: revision {said['revision']}"
        assert said["fingerprint"] == history.fingerprint(before_last), f"{where}: a wrong value was served"
        assert path == victim.last_segment and at in victim.last_group, f"{where}: acknowledged writes were skipped"
        return "without the last group"

    outcomes: dict[str, int] = {}
    for outcome in pool.run(flip_points(victim, DEPTH.flip_step), check):
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    print(outcomes)
    assert outcomes["refused"] > 1000
