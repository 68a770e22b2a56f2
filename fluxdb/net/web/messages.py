"""The messages to a live page, put together from JSON text."""

from __future__ import annotations

import orjson

from fluxdb._core.serve.messages import error_members, event_members
from fluxdb.engine.handle import RawEvent
from fluxdb.errors import FluxDBError, SubscriberEvictedError
from fluxdb.net.web.members import Members

_ID_BEGINS = frozenset('"-0123456789')


def response(kind: str, key: str, id_text: str, data: bytes) -> bytes:
    """The answer to a request that was carried out."""
    named = b',"key":' + orjson.dumps(key) if key else b""
    return b'{"type":"%s_response"%s,"data":%s%s}' % (kind.encode(), named, data, _id_member(id_text))


def error_message(error: FluxDBError, request: Members) -> bytes:
    """The answer to one that was not. ``request``: its members, {} where it has none."""
    parts = [b'{"type":"error",', error_members(error)]
    for name in ("type", "key"):
        text = request.get(name, "")
        if text.startswith('"') and len(text) <= 4096:
            parts.append(b',"%s":%s' % (b"request" if name == "type" else b"key", text.encode()))
    return b"".join([*parts, _id_member(request.get("id", "")), b"}"])


def is_id(text: str) -> bool:
    """Is this JSON value, a member's text, one that comes back in the answer: a number or a string?"""
    return text[:1] in _ID_BEGINS


def _id_member(id_text: str) -> bytes:
    return b',"id":' + id_text.encode() if id_text and is_id(id_text) else b""


def event_message(event: RawEvent) -> bytes:
    """The data is the wire's line for an event; its members stand beside ``event`` too, for clients that look there."""
    members = event_members(event)
    return b'{"type":"event","data":{"kind":"event","event":{%s},%s}}' % (members, members)


def evicted_message(key: str, error: SubscriberEvictedError) -> bytes:
    name = orjson.dumps(key)
    return b'{"type":"evicted","key":%s,"data":{"kind":"evicted","key":%s,"last_revision":%d}}' % (
        name,
        name,
        error.last_revision,
    )
