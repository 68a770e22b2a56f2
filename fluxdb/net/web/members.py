"""The members of a message, taken apart as JSON text: a value is never parsed into Python and back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from fluxdb._core.documents.documents import NUMBER_MAX
from fluxdb.engine.handle import ANY_VERSION
from fluxdb.errors import FluxDBError, InvalidKeyError, InvalidValueError
from fluxdb.values import lifetimes

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1
_skip_space = re.compile(r"[ \t\n\r]*").match
_is_integer = re.compile(r"-?(?:0|[1-9][0-9]{0,18})").fullmatch


def _refuse_constant(name: str) -> str:
    raise ValueError(f"{name} is no JSON")


# Finds where a value ends; what it makes of it is thrown away (so numbers of any length cost nothing).
_scan = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant).raw_decode

Members = dict[str, str]
"""The members of an object by name, each as its JSON text."""


class RequestError(FluxDBError):
    """The message is not one that this server knows."""

    code = "invalid_request"


def members_of(text: str) -> Members:
    """The members of a JSON object; of repeated ones the last. Raises RequestError.

    The engine rejects values that are wrong in themselves: a lone surrogate, a number out of range.
    """
    try:
        return _members(text)
    except ValueError as error:
        raise RequestError(f"not a JSON object: {error}") from None
    except RecursionError:
        raise RequestError("the value is nested too deep") from None


def items(members: Members, name: str) -> list[str]:
    """The items of a member that is an array, each as its JSON text. Raises RequestError."""
    text = _needed(members, name)
    if text[0] != "[":
        raise RequestError(f"the member {name} is an array")
    return list(_items(text))


def _items(text: str) -> Iterator[str]:
    """``text`` is an array."""
    at = _skip(text, 1)
    while text[at] != "]":
        end = _scan(text, at)[1]
        yield text[at:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _members(text: str) -> Members:
    found: Members = {}
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


def _ended(text: str, at: int, found: Members) -> Members:
    if _skip(text, at + 1) != len(text):
        raise ValueError(f"something stands behind it at character {at + 1}")
    return found


# One member, as what it is to be. Each raises RequestError where it is missing, or something else.


def value(members: Members, name: str) -> bytes:
    """Any JSON, as text."""
    return _needed(members, name).encode()


def string(members: Members, name: str) -> str:
    return _string(_needed(members, name), f"the member {name}")


def string_or(members: Members, name: str, otherwise: str) -> str:
    return string(members, name) if name in members else otherwise


def string_or_none(members: Members, name: str) -> str | None:
    """Without the member, or where it is null: None."""
    return None if members.get(name, "null") == "null" else string(members, name)


def key(members: Members, name: str = "key") -> str:
    """Raises InvalidKeyError, too."""
    return _text(string(members, name))


def key_or_none(members: Members, name: str) -> str | None:
    found = string_or_none(members, name)
    return None if found is None else _text(found)


def keys(members: Members, name: str) -> list[str]:
    return [_text(_string(text, f"an item of {name}")) for text in items(members, name)]


def flag(members: Members, name: str) -> bool:
    """False where it is missing."""
    text = members.get(name, "false")
    if text not in ("true", "false"):
        raise RequestError(f"the member {name} is true or false")
    return text == "true"


def integer(members: Members, name: str, low: int, high: int) -> int:
    text = _needed(members, name)
    if not _is_integer(text) or not low <= int(text) <= high:
        raise RequestError(f"the member {name} is a whole number from {low} to {high}")
    return int(text)


def integer_or(members: Members, name: str, otherwise: int, low: int, high: int) -> int:
    return integer(members, name, low, high) if name in members else otherwise


def version(members: Members, name: str) -> int:
    """ANY_VERSION where it is missing."""
    return integer_or(members, name, ANY_VERSION, 0, NUMBER_MAX)


def ttl_ms(members: Members, *, is_needed: bool = False) -> int:
    """Milliseconds; 0 without the member ``ttl``, and if it is null. Raises InvalidValueError, too."""
    text = _needed(members, "ttl") if is_needed else members.get("ttl", "null")
    try:
        return lifetimes.ttl_ms(json.loads(text), keep_ttl=flag(members, "keep_ttl"))
    except ValueError as error:  # a number of too many digits, too
        raise InvalidValueError(str(error)) from None


def _needed(members: Members, name: str) -> str:
    text = members.get(name)
    if text is None:
        raise RequestError(f"the request has no member {name}")
    return text


def _string(text: str, what: str) -> str:
    value = json.loads(text) if text[:1] == '"' else None
    if not isinstance(value, str):
        raise RequestError(f"{what} is a string")
    return value


def _text(key: str) -> str:
    if not is_text(key):
        raise InvalidKeyError("the key holds half a surrogate pair")
    return key


def is_text(text: str) -> bool:
    """Can it be written as UTF-8?"""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
