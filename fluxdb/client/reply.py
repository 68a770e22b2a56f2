"""Replies and events as they come over the wire: what they say, with the values still as JSON text.

The forms that the server writes are cut apart; a value within is never parsed. Any other form that says the same is
taken too, by parsing all of it.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from fluxdb.engine.handle import RawEvent, Written
from fluxdb.errors import FluxDBError
from fluxdb.model import Kind

_DOCUMENT = b'{"kind":"value","doc":{"value":'
_NOTHING = b'{"kind":"value","doc":null'
_DOCUMENT_END = re.compile(rb',"version":([0-9]+)\}(?:,"id":[0-9]+)?\}$')
_END_BYTES_MAX = 96
_EVENT = re.compile(rb'\{"kind":"event","event":\{"key":("[^"\\]*(?:\\.[^"\\]*)*"),"old":')
_EVENT_END = re.compile(rb',"version":([0-9]+),"op":"(set|patch|delete)","revision":([0-9]+)\}\}$')
_NEW = b',"new":'
_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)
_KINDS = {"set": int(Kind.SET), "patch": int(Kind.PATCH), "delete": int(Kind.DELETE)}


class UnexpectedReplyError(FluxDBError):
    """The server, or whatever is there, does not speak the protocol."""

    code = "protocol"


def members(line: bytes) -> dict[str, Any]:
    """All of a reply, parsed. Raises UnexpectedReplyError."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise UnexpectedReplyError(f"this is no reply of a FluxDB server: {line[:60]!r}") from None
    if not isinstance(found, dict) or not isinstance(found.get("kind"), str):
        raise UnexpectedReplyError(f"this is no reply of a FluxDB server: {line[:60]!r}")
    return found


def document_text(line: bytes) -> tuple[bytes, int] | None:
    """Of a GET's reply: the value's text and the version; None for no document. Raises UnexpectedReplyError."""
    if line.startswith(_NOTHING):
        return None
    end = _DOCUMENT_END.search(line, max(len(_DOCUMENT), len(line) - _END_BYTES_MAX))
    if end is not None and line.startswith(_DOCUMENT):
        return line[len(_DOCUMENT) : end.start()], int(end[1])
    try:
        document = members(line)["doc"]
        return None if document is None else (orjson.dumps(document["value"]), int(document["version"]))
    except (KeyError, TypeError, ValueError):
        raise _unexpected(line) from None


def written(line: bytes) -> Written | None:
    """Of a write's reply: version and revision; None where there was nothing to delete. Raises UnexpectedReplyError."""
    found = members(line)
    if found.get("deleted") is False:
        return None
    try:
        return int(found["version"]), int(found["revision"])
    except (KeyError, TypeError, ValueError):
        raise _unexpected(line) from None


def is_event(line: bytes) -> bool:
    """Of a line that answers no request: does it tell an event? Raises UnexpectedReplyError."""
    return line.startswith(b'{"kind":"event"') or members(line)["kind"] == "event"


def event(line: bytes) -> RawEvent:
    """Of a line that tells an event. Raises UnexpectedReplyError."""
    start = _EVENT.match(line)
    end = _EVENT_END.search(line, max(0, len(line) - 2 * _END_BYTES_MAX))
    if start is not None and end is not None:
        old_end = _old_end(line, start.end(), end.start())
        if old_end is not None:
            old, new = line[start.end() : old_end], line[old_end + len(_NEW) : end.start()]
            operation = end[2].decode()
            return _raw(operation, orjson.loads(start[1]), old, new, int(end[1]), int(end[3]))
    try:
        told = members(line)["event"]
        old, new = orjson.dumps(told["old"]), orjson.dumps(told["new"])
        operation = told.get("op", "delete" if told["new"] is None else "set")
        return _raw(operation, told["key"], old, new, int(told["version"]), int(told.get("revision", 0)))
    except (KeyError, TypeError, ValueError):
        raise _unexpected(line) from None


def _raw(operation: str, key: str, old: bytes, new: bytes, version: int, revision: int) -> RawEvent:
    """The wire has null for no document and for a null alike; only of a delete it is sure which."""
    after = None if operation == "delete" else new
    return _KINDS[operation], key, None if old == b"null" else old, after, version, revision


def _old_end(line: bytes, start: int, end: int) -> int | None:
    """Where the old value ends, and the member ``new`` begins; None where that is not what follows."""
    at = line.find(_NEW, start, end)
    if at < 0 or line.find(_NEW, at + 1, end) < 0:  # within a string its quotes would be escaped
        return at if at >= 0 else None
    return next((at for at in (_value_end(line, start, end),) if line.startswith(_NEW, at)), None)


def _value_end(line: bytes, start: int, end: int) -> int:
    """Where the value that begins at ``start`` ends."""
    if line[start] not in b'[{"':
        return line.index(b",", start, end)
    depth = 0
    for match in _BRACKETS.finditer(line, start, end):
        first = match[0][:1]
        if first != b'"':
            depth += 1 if first in b"[{" else -1
        if depth == 0:
            return match.end()
    return end


def _unexpected(line: bytes) -> UnexpectedReplyError:
    return UnexpectedReplyError(f"the server's reply is not the one to the request: {line[:60]!r}")
