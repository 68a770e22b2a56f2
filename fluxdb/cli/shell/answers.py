"""Answers of commands: in words for people, or as the reply lines of the wire protocol for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from fluxdb.cli import render
from fluxdb.cli.text import escape_text, quote_key
from fluxdb.engine.handle import RawEvent, Written
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


def _line(reply: bytes) -> str:
    return escape_text(reply.decode().rstrip("\n"))


def _text(text: bytes | None) -> str | None:
    return None if text is None else text.decode()
