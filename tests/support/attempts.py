"""The result of a call in a worker, as JSON can carry it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fluxdb.errors import FluxDBError
from fluxdb.sync import FluxDB


def attempt(do: Callable[[], Any]) -> Any:
    """Return its result; or the name of the error, with a question mark if the outcome is unknown."""
    try:
        return do()
    except FluxDBError as error:
        return type(error).__name__ + ("?" if error.maybe_applied else "")


def values(db: FluxDB, *keys: str) -> dict[str, Any]:
    return {key: document.value for key in keys if (document := db.get(key)) is not None}
