"""Answers of commands: in words for people, or as the reply lines of the wire protocol for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import orjson

from fluxdb.cli import render
from fluxdb.cli.text import escape_text, quote_key
from fluxdb.engine.handle import RawEvent, Written
from fluxdb.engine.operation import BatchWritten, Incremented
from fluxdb.engine.ranges import Counted, Page, StoredText
from fluxdb.errors import FluxDBError
from fluxdb.model import OPERATION_OF
from fluxdb.net import lines
from fluxdb.values import star_note


class NoSuchKeyError(FluxDBError):
    """Only the value was requested, but the key does not exist."""

    code = "not_found"

    def __init__(self, key: str) -> None:
        super().__init__(f"no such key: {quote_key(key)}")


def value_line(text: bytes) -> str:
    """Return a value and nothing else, for ``| jq``: one line of JSON that can't control a terminal."""
    return escape_text(text.decode())


class Answers(Protocol):
    """One answer each, of one line or several."""

    def document(self, found: tuple[bytes, int] | None) -> str: ...
    def written(self, outcome: Written | None) -> str:
        """Answer a DELETE; None: the key did not exist."""

    def incremented(self, done: Incremented) -> str: ...
    def page(self, page: Page[StoredText]) -> str:
        """Return "" if there is nothing to print."""

    def keys(self, page: Page[str]) -> str:
        """As page()."""

    def count(self, counted: Counted) -> str: ...
    def collected(self, count: int) -> str:
        """``count``: how many operations of a batch there are."""

    def aborted(self, count: int) -> str: ...
    def batch_written(self, done: BatchWritten) -> str: ...
    def checkpoint(self, revision: int) -> str: ...
    def subscribed(self, key: str, *, is_new: bool) -> str: ...
    def unsubscribed(self, key: str, *, was_subscribed: bool) -> str: ...
    def info(self, values: Mapping[str, Any]) -> str: ...
    def help(self, topic: str | None) -> str: ...
    def event(self, raw: RawEvent) -> str: ...
    def error(self, problem: FluxDBError, place: str) -> str:
        """``place``: which of several commands failed; "" for the only one."""


class Words:
    """Answers for people."""

    def document(self, found: tuple[bytes, int] | None) -> str:
        return render.NIL if found is None else render.document(found[0].decode(), found[1])

    def written(self, outcome: Written | None) -> str:
        return f"{render.NIL}, no such key: nothing was written" if outcome is None else render.written(outcome[0])

    def incremented(self, done: Incremented) -> str:
        return f"ok, {done.value}, version {done.version}"

    def page(self, page: Page[StoredText]) -> str:
        return "\n".join(
            f"{quote_key(found.key)}: {render.document(found.text.decode(), found.version)}" for found in page.entries
        )

    def keys(self, page: Page[str]) -> str:
        return "\n".join(map(quote_key, page.entries))

    def count(self, counted: Counted) -> str:
        return str(counted.count)

    def collected(self, count: int) -> str:
        return f"ok, {_operations(count)} to COMMIT or ABORT"

    def aborted(self, count: int) -> str:
        return f"ok, nothing of {_operations(count)} was written"

    def batch_written(self, done: BatchWritten) -> str:
        versions = ", ".join(render.NIL if version is None else str(version) for version in done.versions)
        return f"ok, revision {done.revision}, versions {versions or render.NIL}"

    def checkpoint(self, revision: int) -> str:
        return f"ok, revision {revision}"

    def subscribed(self, key: str, *, is_new: bool) -> str:
        if not is_new:
            return f"ok, was already subscribed to {quote_key(key)}"
        note = star_note(key)
        return f"ok, subscribed to {quote_key(key)}" + (f" ({escape_text(note)})" if note else "")

    def unsubscribed(self, key: str, *, was_subscribed: bool) -> str:
        return f"ok, {'unsubscribed from' if was_subscribed else 'was not subscribed to'} {quote_key(key)}"

    def info(self, values: Mapping[str, Any]) -> str:
        return "\n".join(render.table(values))

    def help(self, topic: str | None) -> str:
        return "\n".join(render.help_text(topic))

    def event(self, raw: RawEvent) -> str:
        kind, key, old, new, version, _, _ = raw
        return render.event(OPERATION_OF[kind], key, _text(old), _text(new), version)

    def error(self, problem: FluxDBError, place: str) -> str:
        return render.error(str(problem), place)


WORDS: Final = Words()


class Replies:
    """Answers for programs: each as a server's reply, so that one parser reads both."""

    def document(self, found: tuple[bytes, int] | None) -> str:
        return _line(lines.document(found))

    def written(self, outcome: Written | None) -> str:
        return _line(lines.written(outcome))

    def incremented(self, done: Incremented) -> str:
        return _line(lines.reply({"kind": "ok", **done._asdict()}))

    def page(self, page: Page[StoredText]) -> str:
        return _page(page, [stored_line(found) for found in page.entries])

    def keys(self, page: Page[str]) -> str:
        return _page(page, [b'{"key":%b}' % orjson.dumps(key) for key in page.entries])

    def count(self, counted: Counted) -> str:
        return _line(lines.reply({"kind": "count", "count": counted.count, "revision": counted.revision}))

    def collected(self, count: int) -> str:
        return _line(lines.reply({"kind": "ok", "collected": count}))

    def aborted(self, count: int) -> str:
        return _line(lines.reply({"kind": "ok", "aborted": count}))

    def batch_written(self, done: BatchWritten) -> str:
        return _line(lines.reply({"kind": "ok", "versions": done.versions, "revision": done.revision}))

    def checkpoint(self, revision: int) -> str:
        return _line(lines.reply({"kind": "ok", "revision": revision}))

    def subscribed(self, key: str, *, is_new: bool) -> str:
        return _line(lines.reply({"kind": "subscribed", "key": key}))

    def unsubscribed(self, key: str, *, was_subscribed: bool) -> str:
        return _line(lines.reply({"kind": "ok", "unsubscribed": was_subscribed}))

    def info(self, values: Mapping[str, Any]) -> str:
        return _line(lines.reply({"kind": "info", "info": values}))

    def help(self, topic: str | None) -> str:
        return _line(lines.reply({"kind": "help", "lines": list(render.help_text(topic))}))

    def event(self, raw: RawEvent) -> str:
        return _line(lines.event(raw))

    def error(self, problem: FluxDBError, place: str) -> str:
        return _line(lines.error(problem))


def stored_line(found: StoredText) -> bytes:
    """Return a document as an entry of a page, and as a line of a dump: its JSON text goes through unchanged."""
    expiry = b"" if found.expires_at is None else b',"expires_at":%.3f' % found.expires_at
    return b'{"key":%b,"value":%b,"version":%d%b}' % (orjson.dumps(found.key), found.text, found.version, expiry)


def _page(page: Page[Any], entries: list[bytes]) -> str:
    more = b"true" if page.more else b"false"
    return _line(b'{"kind":"page","entries":[%b],"more":%b,"revision":%d}' % (b",".join(entries), more, page.revision))


def _operations(count: int) -> str:
    return f"{count} operation{'' if count == 1 else 's'}"


def _line(reply: bytes) -> str:
    return escape_text(reply.decode().rstrip("\n"))


def _text(text: bytes | None) -> str | None:
    return None if text is None else text.decode()
