"""Running a script under the shim, and opening every state that a crash could have left of it."""

from __future__ import annotations

import copy
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.disk import Disk
from tests.support.explore import ONWARD, Bounds, Depth, Found, Judge, Point, points
from tests.support.inode import State
from tests.support.model import History, Operation
from tests.support.trace import Entry, read_trace
from tests.support.worker import Pool, Worker

KEEP = os.environ.get("FLUXDB_CRASH_KEEP", "")  # a folder: states that broke a guarantee are kept there


class Run(NamedTuple):
    """A recorded run: where it was, what it asked of the disk, and what was answered to each operation."""

    root: Path
    entries: list[Entry]
    history: History
    revisions: dict[int, int]  # by number of operation; 0: it wrote nothing
    start: State | None = None  # what was there before,
    start_revision: int = 0  # and at which revision it stood

    def disk(self) -> Disk:
        """The disk before the run."""
        return Disk(self.root, self.start)

    def disk_after(self) -> Disk:
        """The disk after the run."""
        disk = self.disk()
        for entry in self.entries:
            disk.apply(entry)
        return disk


def record(worker: Worker, directory: Path, name: str) -> Run:
    """Run the script of that name in ``directory`` (empty)."""
    root, trace = directory / "run", directory / "trace"
    root.mkdir()
    rows = worker.call("tests.support.script:record", directory=str(root), trace=str(trace), run=name)
    history = History([Operation(*row[1:]) for row in rows if row[1]])
    run = Run(root, read_trace(trace), history, {row[0]: row[1] for row in rows})
    assert run.disk_after().seen() == State.read_from(root), "the model of the disk and the real one differ"
    return run


class Job(NamedTuple):
    """A state to open, and where it came from."""

    number: int
    point: Point
    low: int
    high: int
    again: bool
    disk: Disk | None  # to go on from: with the cache where only the process died


class Claim(NamedTuple):
    """Check that a state holds what it must."""

    key: str
    low: int
    high: int
    where: str


class Survey:
    """All crash points of one run. ``states`` counts what was opened, ``crashes`` what was claimed."""

    def __init__(self, run: Run, pool: Pool, scratch: Path, depth: Depth) -> None:
        self.run, self.pool, self.scratch, self.depth = run, pool, scratch, depth
        self.judge = Judge(run.history)
        self.states = self.crashes = self.onward = 0
        self._found: dict[str, Found] = {}

    def check(self, first: int = 0) -> None:
        """Open every state of the crash points from call ``first`` on. Raises AssertionError where one is wrong."""
        claims: list[Claim] = []
        for job, found in self.pool.run(self._jobs(claims, first), self._open):
            self.states += 1
            self._found[job.point.state.key] = found
            self._judge(Claim(job.point.state.key, job.low, job.high, self._where(job.point)), job.point.state)
        for claim in claims:
            self._judge(claim, None)
        self.crashes += len(claims)

    def _jobs(self, claims: list[Claim], first: int) -> Iterator[Job]:
        """Each state once; what it must hold, each time that it comes up."""
        disk, known = self.run.disk(), set(self._found)
        bounds = Bounds(self.run.entries, self.run.revisions, self.run.start_revision, self.run.start_revision)
        for point in points(disk, self.run.entries, self.depth, first):
            low, high = bounds.at(point.calls)
            key = point.state.key
            claims.append(Claim(key, low, high, self._where(point)))
            if key in known:
                continue
            known.add(key)
            number = len(known)
            again = number % self.depth.again_every == 0
            before: Disk | None = None
            if number % self.depth.onward_every == 0:
                before = copy.deepcopy(disk) if point.label == "kill" else Disk(self.run.root, point.state)
            yield Job(number, point, low, high, again, before)

    def _where(self, point: Point) -> str:
        entry = self.run.entries[point.calls] if point.calls < len(self.run.entries) else None
        next_call = f"{entry.call.name} {entry.path2 or entry.path}" if entry else "the end"
        return f"after {point.calls} calls (next: {next_call}): {point.label}"

    def _open(self, worker: Worker, job: Job) -> tuple[Job, Found]:
        root = self.scratch / f"state-{job.number}"
        root.mkdir()
        job.point.state.write_to(root)
        keys = self.run.history.keys
        if job.disk is None:
            said = worker.call("tests.support.openings:look", directory=str(root), keys=keys, again=job.again)
        else:
            said = self._go_on(worker, job, root)
        shutil.rmtree(root)
        if said["error"]:
            return job, Found(said["error"])
        return job, Found("", said["revision"], said["fingerprint"], said["digest"])

    def _go_on(self, worker: Worker, job: Job, root: Path) -> dict[str, object]:
        """Open, write, and look at each state that a crash could leave of that."""
        assert job.disk is not None
        job.disk.processes_died(root)
        key = self.run.history.keys[job.number % len(self.run.history.keys)]
        trace = root.with_suffix(".trace")
        keys = self.run.history.keys
        said: dict[str, object] = worker.call(
            "tests.support.openings:go_on", directory=str(root), trace=str(trace), keys=keys, key=key
        )
        if said["error"]:
            return said
        written = said["written"]
        assert isinstance(written, list)
        version, revision = written
        assert revision == said["revision"] + 1, f"{self._where(job.point)}: revision {revision} after it"  # type: ignore[operator]
        history = self.run.history.and_then(Operation(revision, "set", key, "onward", version))
        judge = Judge(history, {r: d for r, d in self.judge.digests.items() if r < revision})
        entries = read_trace(trace)
        bounds = Bounds(entries, {1: revision}, job.low, job.high)
        opened: dict[str, Found] = {}
        for point in points(job.disk, entries, ONWARD):
            found = opened.get(point.state.key)
            where = f"{self._where(job.point)}; opened, written to, after {point.calls} calls of that: {point.label}"
            if found is None:
                found = opened[point.state.key] = self._look_onward(worker, root, point.state)
                self.onward += 1
            low, high = bounds.at(point.calls)
            with keeping(job.point.state, point.state):
                judge.check(found, low, high, where)
        trace.unlink()
        return said

    def _look_onward(self, worker: Worker, root: Path, state: State) -> Found:
        below = root.with_name(root.name + "-onward")
        below.mkdir()
        state.write_to(below)
        said = worker.call("tests.support.openings:look", directory=str(below), keys=self.run.history.keys)
        shutil.rmtree(below)
        return Found(said["error"], *(said.get(name, "") for name in ("revision", "fingerprint", "digest")))

    def _judge(self, claim: Claim, state: State | None) -> None:
        with keeping(*([state] if state else [])):
            self.judge.check(self._found[claim.key], claim.low, claim.high, claim.where)


class keeping:  # noqa: N801 - a context manager, read as a word
    """Keeps the states in KEEP, where that is set, if the block raises."""

    _numbers = itertools.count(1)

    def __init__(self, *states: State) -> None:
        self._states = states

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        if error is not None and KEEP:
            for state in self._states:
                target = Path(KEEP) / f"state-{os.getpid()}-{next(self._numbers)}"
                target.mkdir(parents=True)
                state.write_to(target)
                (target / "why").write_text(f"{error}\n")
