"""A recorded run in which one call fails, a reopening, and one more write. It runs in a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import fluxdb
from fluxdb.errors import FluxDBError
from tests.support.engine import read_all
from tests.support.script import ALL_KEYS, LIMITS, Recorder, Row, sectors
from tests.support.shim import Call, Shim


class Told(NamedTuple):
    """The result of a script in which a call failed, and of the reopening after it."""

    fired: int
    first: str  # the first error that was reported
    rows: list[Row]  # acknowledged
    unknown: list[Row]  # handed in, outcome unknown; as if they had been next
    found: dict[str, Any]  # after the reopening


def record_fault(directory: str, trace: str, call: int, error: int, nth: int, opens_only: bool) -> Told:
    """Record a run in which the ``nth`` such call fails, then a reopening, then one more write.

    ``opens_only``: there is a database already, and it is opened and nothing more: the fault is in the opening.
    """
    shim = Shim()
    shim.begin(directory, trace)
    rule = shim.fail(Call(call), error, nth=nth)
    recorder, path = Recorder(shim), Path(directory) / "db"
    unknown: list[Row] = []
    first = ""
    try:
        with fluxdb.open(path, limits=LIMITS) as db:
            for kind, key, argument in [] if opens_only else FAULTY:
                try:
                    if kind == "checkpoint":
                        db.checkpoint()
                    else:
                        recorder.do(db, kind, key, argument)
                except FluxDBError as told:  # noqa: PERF203
                    first = first or type(told).__name__
                    if told.maybe_applied:
                        number, revision = recorder.count, len(recorder.rows) + 1
                        version = 1 + sum(row[3] == key for row in recorder.rows)
                        unknown.append((number, revision, kind, key, argument, version))
    except FluxDBError as told:
        first = type(told).__name__
    rule.drop()
    shim.mark("reopen")
    with fluxdb.open(path, limits=LIMITS) as db:
        found = read_all(db, ALL_KEYS)
        shim.mark(f"served {found['revision']}")
        recorder.do(db, "set", "next", 1)
    fired = rule.fired
    shim.end()
    return Told(fired, first, recorder.rows, unknown, found)


# All by one thread: each is a group by itself.
FAULTY: list[tuple[str, str, Any]] = [
    ("set", "a", 1),
    ("patch", "a", {"x": 2}),
    ("set", "b", sectors(3)),
    ("set", "large", sectors(100)),
    ("set", "c", sectors(17)),  # opens segment 2
    ("delete", "a", None),
    ("checkpoint", "", None),
    ("set", "a", "again"),
    ("set", "large", sectors(105)),  # opens segment 3
    ("set", "d", 1),
]
