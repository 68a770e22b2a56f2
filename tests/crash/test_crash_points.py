"""State after recovery equals the model's, for every crash point of recorded runs (G2, G3, G4, G6, G7, G9)."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash.conftest import DEPTH
from tests.support.explore import ALL, ONWARD
from tests.support.inode import File, State
from tests.support.model import History, Operation
from tests.support.shim import Call
from tests.support.survey import Run, Survey, record
from tests.support.trace import read_trace
from tests.support.worker import Pool, Worker

HEADER_BYTES = 4096
FEW = DEPTH if DEPTH is ALL else ONWARD


@pytest.fixture(scope="session")
def recorded(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """The recorded run of a name; each is made once."""
    runs: dict[str, Run] = {}

    def get(name: str) -> Run:
        if name not in runs:
            runs[name] = record(pool.workers[0], tmp_path_factory.mktemp(name).resolve(), name)
        return runs[name]

    return get


@pytest.mark.parametrize("name", ["threads", "coroutines", "closings"])
@pytest.mark.guarantee(2, 3, 4, 6, 7, 9)
def test_every_crash_point_recovers_to_a_revision_of_the_model(
    recorded: Callable[[str], Run], pool: Pool, memory_path: Path, name: str
) -> None:
    survey = Survey(recorded(name), pool, memory_path, DEPTH)
    survey.check()
    assert survey.states > 500 and survey.onward > 100, "too few states to mean something"
    print(f"{name}: {survey.crashes} crashes, {survey.states} states, {survey.onward} more after going on")


@pytest.mark.guarantee(2, 3, 4, 6, 7, 9)
@pytest.mark.parametrize("seed", range(1, 21) if DEPTH is ALL else [1])
def test_every_crash_point_of_a_drawn_run_recovers_to_a_revision_of_the_model(
    recorded: Callable[[str], Run], pool: Pool, memory_path: Path, seed: int
) -> None:
    survey = Survey(recorded(f"drawn-{seed}"), pool, memory_path, ONWARD)
    survey.check()
    assert survey.states > 500 and survey.onward > 20, "too few states to mean something"


def test_the_recorded_run_holds_what_it_should(recorded: Callable[[str], Run]) -> None:
    run = recorded("threads")
    disk, paths = run.disk(), {}
    group_starts: list[tuple[str, int]] = []
    for entry in run.entries:
        if entry.call == Call.OPEN:
            paths[entry.fd] = Path(entry.path).name
        of_log = entry.call == Call.WRITE and not paths[entry.fd].startswith("snapshot")
        if of_log and entry.offset >= HEADER_BYTES and any(entry.data):  # zeros are written ahead of the groups
            group_starts.append((paths[entry.fd], entry.offset))
        disk.apply(entry)
    renamed = [Path(entry.path2).name for entry in run.entries if entry.call == Call.RENAME]
    removed = [Path(entry.path).name for entry in run.entries if entry.call == Call.UNLINK]
    assert sum(name.startswith("log-") for name in renamed) >= 4, "four segments"
    assert sum(name.startswith("snapshot-") for name in renamed) == 2, "two checkpoints"
    assert any(name.startswith("log-") for name in removed), "segments are retired"
    assert sum(offset == HEADER_BYTES for _, offset in group_starts) >= 3, "first groups of segments"
    operations = [entry for entry in run.entries if entry.mark.startswith("ack")]
    assert len(group_starts) < len(operations) - 15, "some groups hold several writes"


@pytest.mark.guarantee(3)
@pytest.mark.parametrize("name", ["threads", "coroutines"])
def test_g3_both_patches_of_a_group_take_effect(recorded: Callable[[str], Run], name: str) -> None:
    history = recorded(name).history
    patches = [operation for operation in history.operations if operation.key == "p"][:2]
    assert [operation.version for operation in patches] == [1, 2]
    document = history.at(patches[1].revision)["p"]
    assert document[1] == 2 and set(document[0]) == {"x", "y"}


# ---- a sync that failed, a reopening, and then a power cut ----


class FaultRun(NamedTuple):
    """A run in which a call failed, the errors that it reported, and the number of calls before the reopening."""

    run: Run
    fired: bool
    first_error: str
    reopened: int


def fault_run(
    worker: Worker,
    root: Path,
    nth: int,
    start: State | None = None,
    past: History | None = None,
    call: Call = Call.SYNC,
    error: int = errno.EIO,
) -> FaultRun:
    """Let the ``nth`` such call fail. ``start``: of an opening of that state, which came of that past."""
    trace = root.with_suffix(".trace")
    root.mkdir()
    if start is not None:
        start.write_to(root)
    fired, first_error, rows, unknown, found = worker.call(
        "tests.support.fault_script:record_fault",
        directory=str(root),
        trace=str(trace),
        call=call,
        error=error,
        nth=nth,
        opens_only=start is not None,
    )
    *acknowledged, last = rows
    lost_or_kept = found["revision"] - sum(row[1] > 0 for row in acknowledged)
    operations = [Operation(*row[1:]) for row in [*acknowledged, *unknown[:lost_or_kept], last] if row[1]]
    history = History(operations) if past is None else past.and_then(operations[-1])
    assert found["fingerprint"] == history.fingerprint(found["revision"]), f"{call.name} {nth} failed"
    entries = read_trace(trace)
    reopened = next(index for index, entry in enumerate(entries) if entry.mark == "reopen")
    revisions = {row[0]: row[1] for row in [*rows, *unknown[:lost_or_kept]]}
    run = Run(root, entries, history, revisions, start, found["revision"] if start is not None else 0)
    return FaultRun(run, fired > 0, first_error, reopened)


@pytest.mark.guarantee(5, 6)
def test_g6_what_is_served_after_a_failed_sync_survives_the_next_power_cut(
    worker: Worker, pool: Pool, memory_path: Path
) -> None:
    """The kernel takes what a failed sync left for written: it reads fine, and a power cut takes it away."""
    told: dict[str, int] = {}
    for nth in range(1, 100):
        fault = fault_run(worker, memory_path / f"run-{nth}", nth)
        if not fault.fired:
            break
        told[fault.first_error] = told.get(fault.first_error, 0) + 1
        Survey(fault.run, pool, memory_path, FEW).check(first=fault.reopened)
    assert told["PoisonedError"] >= 8 and told["StorageError"] >= 2, told


@pytest.mark.guarantee(2, 5)
@pytest.mark.parametrize(
    ("call", "error"),
    [
        (Call.WRITE, errno.EIO),
        (Call.WRITE, errno.ENOSPC),
        (Call.ALLOCATE, errno.EIO),
        (Call.ALLOCATE, errno.ENOSPC),
        (Call.RENAME, errno.EIO),
        (Call.UNLINK, errno.EIO),
        (Call.OPEN, errno.EMFILE),
        (Call.READ, errno.EIO),
    ],
)
def test_whatever_call_fails_once_each_acknowledged_write_is_kept_and_no_other(
    worker: Worker, memory_path: Path, call: Call, error: int
) -> None:
    for nth in range(1, 100):
        fault = fault_run(worker, memory_path / f"run-{nth}", nth, call=call, error=error)  # compares
        if not fault.fired:
            break
    assert nth > 1, "the fault never fired"


def torn_states(run: Run) -> list[State]:
    """States with torn tails of several sectors."""
    disk, found = run.disk(), []
    for entry in run.entries:
        pending = disk.pending() if entry.call == Call.SYNC_DONE else []
        if 3 <= len(pending) <= 8 and all(isinstance(item.node, File) and item.number >= 0 for item in pending):
            kept = [pending[1:], pending[:-1], pending[:1], pending[1:2], pending[-1:]]
            found += [disk.power_cut(items) for items in kept]
        disk.apply(entry)
    return found


@pytest.mark.guarantee(6, 7)
def test_g6_an_opening_whose_sync_failed_brings_no_torn_tail_back_to_life(
    recorded: Callable[[str], Run], worker: Worker, pool: Pool, memory_path: Path
) -> None:
    """The zeros over the tail were forgotten by the kernel, so on the platter it still lies there."""
    past = recorded("threads").history
    states = torn_states(recorded("threads"))
    assert len(states) >= 10
    for number, state in enumerate(states):
        for nth in (1, 2):
            fault = fault_run(worker, memory_path / f"torn-{number}-{nth}", nth, state, past)
            assert fault.fired and fault.first_error == "StorageError"
            Survey(fault.run, pool, memory_path, FEW).check(first=fault.reopened)
