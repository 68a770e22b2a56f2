"""The lines that the server writes in Python: replies to what is not the hot path, events, evictions."""

from __future__ import annotations

from typing import Any

import orjson

from fluxdb.engine.handle import RawEvent, Written
from fluxdb.errors import FluxDBError, VersionConflictError
from fluxdb.model import OPERATION_OF

_OPERATION_JSON = {kind: orjson.dumps(operation) for kind, operation in OPERATION_OF.items()}


def reply(members: dict[str, Any], request_id: bytes = b"") -> bytes:
    """A reply; ``request_id`` is JSON, b"" for none."""
    line = orjson.dumps(members, default=str)
    return b'%b,"id":%b}\n' % (line[:-1], request_id) if request_id else line + b"\n"


def document(found: tuple[bytes, int] | None) -> bytes:
    """The reply to a GET, from text that is stored; without the end of its line, as a part of the page's messages."""
    if found is None:
        return b'{"kind":"value","doc":null}'
    return b'{"kind":"value","doc":{"value":%b,"version":%d}}' % found


def written(outcome: Written | None) -> bytes:
    """The reply to a write, without the end of its line; None: there was nothing to delete."""
    if outcome is None:
        return b'{"kind":"ok","deleted":false}'
    return b'{"kind":"ok","version":%d,"revision":%d}' % outcome


def error(problem: BaseException, request_id: bytes = b"") -> bytes:
    """What went wrong, as a reply."""
    if not isinstance(problem, FluxDBError):
        return error_words("error", _unexpected_words(problem), request_id)
    members: dict[str, Any] = {"kind": "error", "code": problem.code, "message": str(problem)}
    if isinstance(problem, VersionConflictError):
        members |= {"expected": problem.expected, "actual": problem.actual}
    if problem.maybe_applied:
        members["maybe_applied"] = True
    return reply(members, request_id)


def error_words(code: str, message: str, request_id: bytes = b"") -> bytes:
    return reply({"kind": "error", "code": code, "message": message}, request_id)


def farewell(code: str, message: str) -> bytes:
    """Why the connection is closed, behind whatever was on its way: it answers no request."""
    return reply({"kind": "error", "code": code, "message": message, "closing": True}, b"")


def unexpected(problem: Exception) -> bytes:
    return farewell("error", _unexpected_words(problem))


def _unexpected_words(problem: BaseException) -> str:
    return f"unexpected {type(problem).__name__}: the server's log tells more"


def event(raw: RawEvent) -> bytes:
    """Put together from what is stored, never parsed."""
    kind, key, old, new, version, revision = raw
    return b'{"kind":"event","event":{"key":%b,"old":%b,"new":%b,"version":%d,"op":%b,"revision":%d}}\n' % (
        orjson.dumps(key),
        b"null" if old is None else old,
        b"null" if new is None else new,
        version,
        _OPERATION_JSON[kind],
        revision,
    )


def evicted(key: str, last_revision: int) -> bytes:
    return reply({"kind": "evicted", "key": key, "last_revision": last_revision}, b"")


def unheard(seconds: int) -> bytes:
    return farewell("timeout", f"no whole request, or no password, in {seconds} seconds (first_line_seconds)")


def idle(seconds: int) -> bytes:
    return farewell("timeout", f"no request in {seconds} seconds (idle_seconds)")


def too_much_input(bytes_max: int) -> bytes:
    words = f"all clients together have begun requests of more than {bytes_max} bytes (input_bytes_max)"
    return farewell("too_large", words)


def too_many(connections_max: int) -> bytes:
    return farewell("too_many", f"{connections_max} clients are connected (connections_max)")
