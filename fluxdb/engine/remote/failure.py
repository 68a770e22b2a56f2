"""Turning a server's error reply into the error of the same code."""

from __future__ import annotations

import copy
from typing import Any

from fluxdb import errors

ERROR = b'{"kind":"error"'  # how an error reply begins

_CLASSES: dict[str, type[errors.FluxDBError]] = {
    kind.code: kind
    for kind in (
        errors.InvalidKeyError,
        errors.InvalidValueError,
        errors.LimitError,
        errors.ClosedError,
        errors.StorageError,
        errors.DiskFullError,
        errors.AuthError,
    )
}
_OUTCOME_CLASSES: dict[str, Any] = {
    kind.code: kind for kind in (errors.PoisonedError, errors.ConnectionLostError, errors.RequestTimeoutError)
}


def failure(reply: dict[str, Any]) -> errors.FluxDBError:
    """The error that an error reply stands for."""
    told, message = reply.get("code"), str(reply.get("message", "the server gave no reason"))
    code = told if isinstance(told, str) else errors.FluxDBError.code
    if code == errors.VersionConflictError.code:
        conflict = _conflict(reply)
        if conflict is not None:
            return conflict
    if code in _OUTCOME_CLASSES:
        error: errors.FluxDBError = _OUTCOME_CLASSES[code](message, maybe_applied=bool(reply.get("maybe_applied")))
        return error
    if code == errors.CorruptionError.code:
        return errors.StorageError(message)
    refused = _CLASSES.get(code, errors.FluxDBError)(message)
    if reply.get("maybe_applied"):
        refused.maybe_applied = True
    if isinstance(reply.get("index"), int):
        refused.index = reply["index"]
    return refused


def _conflict(reply: dict[str, Any]) -> errors.VersionConflictError | None:
    """None where the reply does not say what a conflict is."""
    told, index = reply.get("conflicts", []), reply.get("index")
    try:
        conflicts = [(each["index"], each["key"], each["expected"], each["actual"]) for each in told]
        key, expected, actual = str(reply.get("key", "")), reply["expected"], reply["actual"]
    except (KeyError, TypeError):
        return None
    if not isinstance(actual, int) or not isinstance(expected, int | None) or not isinstance(index, int | None):
        return None
    return errors.VersionConflictError(key, expected, actual, index, conflicts)


def copy_of(error: errors.FluxDBError) -> errors.FluxDBError:
    """Return a separate error for each raise: several waiters share one, and its traceback would grow."""
    copied: errors.FluxDBError = copy.copy(error)
    return copied
