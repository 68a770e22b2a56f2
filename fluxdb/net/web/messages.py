"""The messages of the live page: taken apart and put together as text, values never parsed into Python and back."""

from __future__ import annotations

import json
import re

import orjson

from fluxdb._core.serve.messages import error_members, event_members
from fluxdb.engine.handle import RawEvent
from fluxdb.errors import FluxDBError, SubscriberEvictedError

_ID_BEGINS = frozenset('"-0123456789')
_skip_space = re.compile(r"[ \t\n\r]*").match


def _refuse_constant(name: str) -> str:
    raise ValueError(f"{name} is no JSON")


# Finds where a value ends; what it makes of it is thrown away (so numbers of any length cost nothing).
_scan = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant).raw_decode


class RequestError(FluxDBError):
    """The message is not one that this server knows."""

    code = "invalid_request"


def members(text: str) -> dict[str, str]:
    """The members of a JSON object, each as the JSON text that it is; of repeated ones the last. Raises RequestError.

    Where a value itself is wrong (a lone surrogate, a number out of range) is for the engine to say.
    """
    try:
        return _members(text)
    except ValueError as error:
        raise RequestError(f"not a JSON object: {error}") from None
    except RecursionError:
        raise RequestError("the value is nested too deep") from None


def _members(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = _past(text, 0, "{")
    if text[at : at + 1] == "}":
        return _ended(text, at, found)
    while True:
        name, at = _scan(text, at)
        if not isinstance(name, str) or text[at - 1] != '"':
            raise ValueError("the name of a member is no string")
        at = _past(text, at, ":")
        end = _scan(text, at)[1]
        found[name] = text[at:end]
        at = _skip(text, end)
        if text[at : at + 1] == "}":
            return _ended(text, at, found)
        at = _past(text, at, ",")


def _skip(text: str, at: int) -> int:
    match = _skip_space(text, at)
    return match.end() if match else at


def _past(text: str, at: int, wanted: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != wanted:
        raise ValueError(f"expected {wanted} at character {at}")
    return _skip(text, at + 1)


def _ended(text: str, at: int, found: dict[str, str]) -> dict[str, str]:
    if _skip(text, at + 1) != len(text):
        raise ValueError(f"something stands behind it at character {at + 1}")
    return found


def response(kind: str, key: str, id_text: str, data: bytes) -> bytes:
    """The answer to a request that was carried out."""
    named = b',"key":' + orjson.dumps(key) if key else b""
    return b'{"type":"%s_response"%s,"data":%s%s}' % (kind.encode(), named, data, _id_member(id_text))


def error_message(error: FluxDBError, request: dict[str, str]) -> bytes:
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
