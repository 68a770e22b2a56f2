"""Every state that a crash could leave behind, over a recorded run, and what each must hold."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.support.disk import Disk, subsets
from tests.support.inode import State
from tests.support.model import History
from tests.support.shim import Call
from tests.support.trace import Entry


class Point(NamedTuple):
    """A state that a crash could leave after ``calls`` calls of the trace."""

    calls: int
    label: str
    state: State


@dataclass(frozen=True)
class Depth:
    """How many of the states to look at."""

    subsets_max: int = 48  # of what was pending when a sync was done
    cuts_max: int = 40  # cuts between the bytes of what was written before a sync
    again_every: int = 8  # every so-many-th state is opened twice
    onward_every: int = 40  # and every so-many-th is written to, and crashes once more
    flip_step: int = 1  # a bit is flipped in every so-many-th byte


SAMPLED = Depth()
ALL = Depth(subsets_max=1024, cuts_max=1 << 30, again_every=10, onward_every=50)
ONWARD = Depth(subsets_max=16, cuts_max=8, onward_every=100)


def points(disk: Disk, entries: list[Entry], depth: Depth, first: int = 0) -> Iterator[Point]:
    """Apply ``entries`` to ``disk``; before each from ``first`` on, and at the end, what a crash could leave there."""
    for index, entry in enumerate(entries):
        if index < first:
            disk.apply(entry)
            continue
        yield from _simple(disk, index)
        if entry.call == Call.SYNC:
            for number, state in enumerate(disk.byte_cuts(depth.cuts_max)):
                yield Point(index, f"power cut within the write, cut {number}", state)
        if entry.call == Call.SYNC_DONE or entry.call == Call.UNLINK:
            yield from _subsets(disk, index, depth)
        disk.apply(entry)
    yield from _simple(disk, len(entries))
    yield from _subsets(disk, len(entries), depth)


def _simple(disk: Disk, index: int) -> Iterator[Point]:
    yield Point(index, "kill", disk.seen())
    yield Point(index, "power cut, nothing pending kept", disk.power_cut(()))
    yield Point(index, "power cut, everything kept", disk.power_cut(disk.pending()))


def _subsets(disk: Disk, index: int, depth: Depth) -> Iterator[Point]:
    pending = disk.pending()
    seed = zlib.crc32(str(index).encode())
    for number, kept in enumerate(subsets(pending, depth.subsets_max, seed)):
        yield Point(index, f"power cut, subset {number} of {len(pending)} pending items kept", disk.power_cut(kept))


class Bounds:
    """Which revisions may be found after a crash at a call: marks ``begin N`` and ``ack N`` name operations by number,
    ``served R`` says that a process began to serve at revision R."""

    def __init__(self, entries: list[Entry], revisions: dict[int, int], low: int = 0, high: int = 0) -> None:
        self._bounds = [(low, high)]
        for entry in entries:
            word, _, number = entry.mark.partition(" ")
            if word in ("begin", "ack"):
                revision = revisions.get(int(number), 0)  # 0: it wrote nothing
                high = max(high, revision)
                low = max(low, revision) if word == "ack" else low
            elif word == "served":
                low = high = max(low, int(number))
            self._bounds.append((low, high))

    def at(self, index: int) -> tuple[int, int]:
        return self._bounds[index]


class Found(NamedTuple):
    """The result of an opening: a revision with the fingerprint of its documents and the digest, or an error."""

    error: str
    revision: int = 0
    fingerprint: str = ""
    digest: str = ""


class Judge:
    """Compares what was found with the history."""

    def __init__(self, history: History, digests: dict[int, str] | None = None) -> None:
        self.history = history
        self.digests = digests or {}  # by revision, as far as they are known

    def check(self, found: Found, low: int, high: int, where: str) -> None:
        """Raises AssertionError with ``where`` unless it is the state of one revision from ``low`` to ``high``."""
        assert not found.error, f"{where}: opening failed: {found.error}"
        assert low <= found.revision <= high, f"{where}: revision {found.revision}, not from {low} to {high}"
        expected = self.history.fingerprint(found.revision)
        assert found.fingerprint == expected, f"{where}: not the documents of revision {found.revision}"
        digest = self.digests.setdefault(found.revision, found.digest)
        assert found.digest == digest, f"{where}: two digests of revision {found.revision}"
