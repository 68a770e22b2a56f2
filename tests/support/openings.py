"""Opening a folder as a crash left it, in a worker: what it says, and what it writes while it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fluxdb
from fluxdb.errors import CorruptionError, FluxDBError
from fluxdb.limits import Limits
from tests.support.engine import read_all, write
from tests.support.script import LIMITS
from tests.support.shim import Shim


def look(directory: str, keys: list[str], again: bool = False, limits: dict[str, int] | None = None) -> dict[str, Any]:
    """Open the database in ``directory``, read everything, close. ``again``: twice, and both must say the same."""
    path = Path(directory) / "db"
    bounds = Limits(**limits) if limits else LIMITS
    try:
        with fluxdb.open(path, limits=bounds) as db:
            found = read_all(db, keys)
    except FluxDBError as error:
        return refusal(error)
    if again:
        with fluxdb.open(path, limits=bounds) as db:
            second = read_all(db, keys)
        assert second == found, f"first {found}, then {second}"
    return found


def go_on(directory: str, trace: str, keys: list[str], key: str) -> dict[str, Any]:
    """Open, read everything, set ``key`` to "onward", close; all of it recorded."""
    shim = Shim()
    shim.begin(directory, trace)
    try:
        with fluxdb.open(Path(directory) / "db", limits=LIMITS) as db:
            found = read_all(db, keys)
            shim.mark(f"served {found['revision']}")
            shim.mark("begin 1")
            found["written"] = write(db, "set", key, "onward")
            shim.mark("ack 1")
    except FluxDBError as error:
        return refusal(error)
    finally:
        shim.end()
    return found


def refusal(error: FluxDBError) -> dict[str, Any]:
    """Return the error of an opening that was rejected."""
    said: dict[str, Any] = {"error": f"{type(error).__name__}: {error}", "kind": type(error).__name__}
    if isinstance(error, CorruptionError):
        said.update(segment=error.segment, offset=error.offset)
    return said
