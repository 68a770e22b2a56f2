"""Replies and events as they arrive over the wire: their content, with values still as JSON text.

The forms that the server writes are cut apart without parsing the value inside. Any other form that means the same is
accepted too, by parsing all of it. Everything else raises UnexpectedReplyError, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from fluxdb._core.base.model import Document
from fluxdb._core.json.cut import cut_items, cut_members
from fluxdb._core.json.text import compact
from fluxdb.engine.handle import RawEvent, Written
from fluxdb.engine.operation import BatchWritten, Incremented
from fluxdb.engine.ranges import Counted, Many, Page, StoredText
from fluxdb.engine.remote import failure
from fluxdb.errors import ConnectionLostError, LimitError
from fluxdb.limits import TEXT_DEPTH_MAX
from fluxdb.model import OPERATION_OF
from fluxdb.values import decode

T = TypeVar("T")

_DOCUMENT = b'{"kind":"value","doc":{"value":'
_NOTHING = b'{"kind":"value","doc":null'
_DOCUMENT_END = re.compile(rb',"version":([0-9]+)(?:,"expires_at":([0-9.]+))?\}(?:,"id":[0-9]+)?\}$')
_END_BYTES_MAX = 128
_OWN_ID = re.compile(rb',"id":[0-9]+\}$')
_EVENT = re.compile(rb'\{"kind":"event","event":\{"key":("[^"\\]*(?:\\.[^"\\]*)*"),"old":')
_EVENT_END = re.compile(rb',"version":([0-9]+),"op":"([a-z]+)","revision":([0-9]+)(?:,"commit":([0-9]+))?\}\}$')
_NEW = b',"new":'
_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)
_KINDS: dict[str, int] = {
    operation: int(kind) for kind, operation in reversed(OPERATION_OF.items())
}  # "patch": plain PATCH


class UnexpectedReplyError(ConnectionLostError):
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


def answer(line: bytes) -> dict[str, Any]:
    """All of a reply that is no error. Raises UnexpectedReplyError, and what an error reply stands for."""
    found = members(line)
    if found["kind"] == "error":
        raise failure.failure(found)
    return found


def without_id(line: bytes) -> bytes:
    """A reply without the id that this client gave its request."""
    return _OWN_ID.sub(b"}", line)


def is_welcome(line: bytes) -> bool:
    """Of a ping's reply, the first over a connection: does the server want no password? Raises UnexpectedReplyError."""
    found = answer(line)
    if found["kind"] != "pong":
        raise _unexpected(line)
    return found.get("authenticated") is not False


def document(line: bytes) -> Document | None:
    """Return the document in a GET's reply."""
    found = _document(line)
    try:
        return None if found is None else Document(decode(found[0]), *found[1:])
    except orjson.JSONDecodeError:
        raise _unexpected(line) from None


def document_text(line: bytes) -> tuple[bytes, int] | None:
    """Return the value's text and the version in a GET's reply; None for no document."""
    found = _document(line)
    try:
        if found is not None:
            compact(found[0], TEXT_DEPTH_MAX)
    except (ValueError, LimitError):
        raise _unexpected(line) from None
    return None if found is None else found[:2]


def _document(line: bytes) -> tuple[bytes, int, float | None] | None:
    """The value's text, whatever stands there, the version, and when the document expires."""
    if line.startswith(_NOTHING):
        return None
    end = _DOCUMENT_END.search(line, max(len(_DOCUMENT), len(line) - _END_BYTES_MAX))
    if end is not None and line.startswith(_DOCUMENT):
        return line[len(_DOCUMENT) : end.start()], int(end[1]), None if end[2] is None else float(end[2])
    found = answer(line)
    try:
        told = found["doc"]
        if told is None:
            return None
        return orjson.dumps(told["value"]), _whole(told["version"]), _seconds(told.get("expires_at"))
    except (KeyError, TypeError):
        raise _unexpected(line) from None


def _seconds(told: object) -> float | None:
    """When a document expires, as the wire tells it. Raises TypeError."""
    if told is not None and (isinstance(told, bool) or not isinstance(told, (int, float))):
        raise TypeError
    return None if told is None else float(told)


def written(line: bytes) -> Written | None:
    """Return version and revision in a write's reply; None if the key did not exist.

    An UnexpectedReplyError has ``maybe_applied``: the write was sent, and this is no refusal.
    """
    return _changed(line, _written)


def _written(found: dict[str, Any]) -> Written | None:
    if found.get("deleted") is False or found.get("touched") is False:
        return None
    return _whole(found["version"]), _whole(found["revision"])


def incremented(line: bytes) -> Incremented:
    """Parse an INCREMENT's reply."""
    return _changed(line, lambda told: Incremented(*(_whole(told[name]) for name in ("value", "version", "revision"))))


def batch_written(line: bytes) -> BatchWritten:
    """Parse a batch's reply."""
    return _changed(line, lambda told: BatchWritten(_whole(told["revision"]), _versions(told["versions"])))


def _versions(told: object) -> list[int | None]:
    if not isinstance(told, list):
        raise TypeError
    return [None if version is None else _whole(version) for version in told]


def _changed(line: bytes, make: Callable[[dict[str, Any]], T]) -> T:
    """As written(): what is no refusal, and is not the reply either, may have been applied."""
    try:
        found = answer(line)
        if found["kind"] == "ok":
            return make(found)
    except (KeyError, TypeError, UnexpectedReplyError):
        pass
    raise _unexpected(line, maybe_applied=True)


def revision(line: bytes) -> int:
    """Return the revision in a reply that may have one; 0 if it has none."""
    try:
        return _whole(answer(line).get("revision", 0))
    except TypeError:
        raise _unexpected(line) from None


def is_event(line: bytes) -> bool:
    """Of a line that answers no request: does it tell an event?"""
    return line.startswith(b'{"kind":"event"') or members(line)["kind"] == "event"


def event(line: bytes) -> RawEvent:
    """Return the event in a line."""
    try:
        return _cut_event(line) or _parsed_event(line)
    except (KeyError, TypeError, ValueError, LimitError):
        raise _unexpected(line) from None


def _cut_event(line: bytes) -> RawEvent | None:
    """None where it is in another form than the server's."""
    start = _EVENT.match(line)
    end = _EVENT_END.search(line, max(0, len(line) - 2 * _END_BYTES_MAX))
    if start is None or end is None:
        return None
    old_end = _old_end(line, start.end(), end.start())
    if old_end is None:
        return None
    old, new = line[start.end() : old_end], line[old_end + len(_NEW) : end.start()]
    for text in (old, new):  # the taker parses them: that must not be where he hears of a stream that is broken
        compact(text, TEXT_DEPTH_MAX)
    return _raw(end[2].decode(), orjson.loads(start[1]), old, new, int(end[1]), int(end[3]), int(end[4] or end[3]))


def _parsed_event(line: bytes) -> RawEvent:
    told = members(line)["event"]
    old, new = orjson.dumps(told["old"]), orjson.dumps(told["new"])
    operation = told.get("op", "delete" if told["new"] is None else "set")
    if not isinstance(told["key"], str):
        raise TypeError
    revision = _whole(told.get("revision", 0))
    commit = _whole(told.get("commit", revision))
    return _raw(operation, told["key"], old, new, _whole(told["version"]), revision, commit)


def _raw(operation: str, key: str, old: bytes, new: bytes, version: int, revision: int, commit: int) -> RawEvent:
    """The wire has null for no document and for a null alike; only of a delete it is sure which."""
    after = None if operation in ("delete", "expire") else new
    return _KINDS[operation], key, None if old == b"null" else old, after, version, revision, commit


def _old_end(line: bytes, start: int, end: int) -> int | None:
    """Return where the old value ends, and the member ``new`` begins; None if something else follows."""
    at = line.find(_NEW, start, end)
    if at < 0 or line.find(_NEW, at + 1, end) < 0:  # within a string its quotes would be escaped
        return at if at >= 0 else None
    return next((at for at in (_value_end(line, start, end),) if line.startswith(_NEW, at)), None)


def _value_end(line: bytes, start: int, end: int) -> int:
    """Return where the value that begins at ``start`` ends."""
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


# Replies that hold several documents, cut into the texts that are stored.


def _told(line: bytes, kind: bytes, make: Callable[[dict[str, bytes]], T]) -> T:
    """Return what ``make`` makes of the members' texts. Raises UnexpectedReplyError if the reply is of another kind."""
    try:
        members = cut_members(compact(line, TEXT_DEPTH_MAX))
        if members["kind"] != kind:
            raise _unexpected(line)
        return make(members)
    except (KeyError, TypeError, ValueError, LimitError):
        raise _unexpected(line) from None


def counted(line: bytes) -> Counted:
    return _told(
        line, b'"count"', lambda told: Counted(_whole(decode(told["count"])), _whole(decode(told["revision"])))
    )


def many(line: bytes) -> Many[Document]:
    return _told(line, b'"values"', lambda told: Many(*_list(told, "docs", _item)))


def many_text(line: bytes) -> Many[tuple[bytes, int]]:
    return _told(line, b'"values"', lambda told: Many(*_list(told, "docs", _item_text)))


def page(line: bytes) -> Page[tuple[str, Document]]:
    return _told(line, b'"page"', lambda told: _page_of(told, _entry, lambda entry: entry[0]))


def page_keys(line: bytes) -> Page[str]:
    return _told(line, b'"page"', lambda told: _page_of(told, _key, lambda key: key))


def page_text(line: bytes) -> Page[StoredText]:
    return _told(line, b'"page"', lambda told: _page_of(told, _entry_text, lambda entry: entry.key))


def _list(told: dict[str, bytes], name: str, make: Callable[[bytes], T]) -> tuple[list[T], int]:
    return [make(item) for item in cut_items(told[name])], _whole(decode(told["revision"]))


def _page_of(told: dict[str, bytes], make: Callable[[bytes], T], key_of: Callable[[T], str]) -> Page[T]:
    entries, revision = _list(told, "entries", make)
    more = decode(told["more"])
    if not isinstance(more, bool) or (more and not entries):
        raise TypeError
    return Page(entries, more, revision, key_of(entries[-1]) if entries else None)


def _item(text: bytes) -> Document | None:
    return None if text == b"null" else _made(cut_members(text))


def _item_text(text: bytes) -> tuple[bytes, int] | None:
    if text == b"null":
        return None
    told = cut_members(text)
    return told["value"], _whole(decode(told["version"]))


def _entry(text: bytes) -> tuple[str, Document]:
    told = cut_members(text)
    return _str(decode(told["key"])), _made(told)


def _entry_text(text: bytes) -> StoredText:
    told = cut_members(text)
    return StoredText(_str(decode(told["key"])), told["value"], _whole(decode(told["version"])), _expires_at(told))


def _key(text: bytes) -> str:
    return _str(decode(cut_members(text)["key"] if text[:1] == b"{" else text))


def _made(told: dict[str, bytes]) -> Document:
    return Document(decode(told["value"]), _whole(decode(told["version"])), _expires_at(told))


def _expires_at(told: dict[str, bytes]) -> float | None:
    return _seconds(decode(told.get("expires_at", b"null")))


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(number: object) -> int:
    """A whole number as it is. Raises TypeError."""
    if type(number) is not int:
        raise TypeError
    return number


def _unexpected(line: bytes, *, maybe_applied: bool = False) -> UnexpectedReplyError:
    words = f"the server's reply is not the one to the request: {line[:60]!r}"
    return UnexpectedReplyError(words, maybe_applied=maybe_applied)
