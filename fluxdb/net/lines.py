"""Lines that the server writes in Python: replies to rare requests, events, evictions."""

from __future__ import annotations

from typing import Any

import orjson

from fluxdb._core.serve.messages import error_members, error_text, event_members
from fluxdb.engine.handle import RawEvent, Written


def reply(members: dict[str, Any], request_id: bytes = b"") -> bytes:
    """Return a reply; ``request_id`` is JSON, b"" for none."""
    return b"%b%b}\n" % (orjson.dumps(members, default=str)[:-1], _id_member(request_id))


def _id_member(request_id: bytes) -> bytes:
    return b',"id":%b' % request_id if request_id else b""


def document(found: tuple[bytes, int] | None) -> bytes:
    """Return the reply to a GET from stored text, without the end of its line, as a part of the page's messages."""
    if found is None:
        return b'{"kind":"value","doc":null}'
    return b'{"kind":"value","doc":{"value":%b,"version":%d}}' % found


def written(outcome: Written | None) -> bytes:
    """Return the reply to a write, without the end of its line; None: the key did not exist."""
    if outcome is None:
        return b'{"kind":"ok","deleted":false}'
    return b'{"kind":"ok","version":%d,"revision":%d}' % outcome


def error(problem: BaseException, request_id: bytes = b"") -> bytes:
    """Return an error as a reply."""
    return b'{"kind":"error",%b%b}\n' % (error_members(problem), _id_member(request_id))


def error_reply(code: str, message: str, request_id: bytes = b"") -> bytes:
    return b'{"kind":"error",%b%b}\n' % (error_text(code, message), _id_member(request_id))


def farewell(code: str, message: str) -> bytes:
    """Return the reason for closing the connection, to follow pending replies: it answers no request."""
    return b'{"kind":"error",%b,"closing":true}\n' % error_text(code, message)


def unexpected(problem: Exception) -> bytes:
    return b'{"kind":"error",%b,"closing":true}\n' % error_members(problem)


def event(raw: RawEvent) -> bytes:
    return b'{"kind":"event","event":{%b}}\n' % event_members(raw)


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
