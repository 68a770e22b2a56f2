"""Reading the lines of a dump, checking each strictly."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import orjson

from fluxdb._core.json.pointer import find
from fluxdb._core.json.text import compact
from fluxdb.errors import InvalidKeyError, InvalidValueError, LimitError
from fluxdb.limits import Limits
from fluxdb.storage.dump.dump import DUMP_FORMAT_VERSION

_NUMBER_MAX = 1 << 62  # half of the range, so that as many writes can follow
_FLOORS = 4096
_EXPIRY_MAX_SECONDS = 1 << 40  # in some 35,000 years
_DOCUMENT = frozenset({"key", "value", "version", "revision", "expires_at"})
_TOMBSTONE = frozenset({"key", "deleted", "version", "revision"})
_HEAD = frozenset({"fluxdb_dump", "revision", "documents", "tombstones", "floors"})


class Head(NamedTuple):
    """The first line of a dump."""

    revision: int
    documents: int
    tombstones: int
    floors: bytes


class Entry(NamedTuple):
    """A document, or a deleted key (``text`` is None). ``revision`` 0: the line has none."""

    key: str
    text: bytes | None
    version: int
    revision: int
    expires_at_ms: int = 0  # since 1970; 0: it never expires


def line_bytes_max(limits: Limits) -> int:
    """Return the limit above which a line is rejected unread: an escape takes six bytes for one of a key or value."""
    return 6 * (limits.key_bytes_max + limits.value_bytes_max) + 1024


def parse_line(line: bytes, limits: Limits) -> Head | Entry:
    """Parse a line. Raises InvalidValueError, InvalidKeyError, LimitError."""
    text = compact(line, limits.depth_max + 1)
    members = orjson.loads(text)
    if not isinstance(members, dict):
        raise InvalidValueError("not a JSON object")
    if "fluxdb_dump" in members:
        return _head(members)
    names = _TOMBSTONE if "deleted" in members else _DOCUMENT
    _require(members, names, needed=names & {"key", "value", "deleted"})
    if members.get("deleted", True) is not True:
        raise InvalidValueError('"deleted" can only be true')
    key = _key(members["key"], limits)
    version = _number(members, "version", low=1, otherwise=1)
    revision = _number(members, "revision", low=1, otherwise=0)
    if "deleted" in members:
        return Entry(key, None, version, revision)
    return Entry(key, _value(text, limits), version, revision, _expiry(members))


def _require(members: dict[str, Any], names: frozenset[str], needed: frozenset[str]) -> None:
    for name in sorted(needed - members.keys()):
        raise InvalidValueError(f'there is no "{name}"')
    for name in sorted(members.keys() - names):
        raise InvalidValueError(f"{name!r} is not a member of a line")


def _key(key: object, limits: Limits) -> str:
    if not isinstance(key, str) or not key:
        raise InvalidKeyError('"key" must be a string that is not empty')
    if len(key.encode()) > limits.key_bytes_max:
        raise LimitError(f"the key is longer than {limits.key_bytes_max} bytes (key_bytes_max)")
    return key


def _number(members: dict[str, Any], name: str, low: int, otherwise: int | None = None, of: str = "") -> int:
    value = members.get(name, otherwise)
    if name not in members and otherwise is not None:
        return otherwise
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= _NUMBER_MAX:
        raise InvalidValueError(f'{of}"{name}" must be a whole number from {low} to {_NUMBER_MAX}')
    return value


def _expiry(members: dict[str, Any]) -> int:
    seconds = members.get("expires_at")
    if "expires_at" not in members:
        return 0
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= _EXPIRY_MAX_SECONDS:
        raise InvalidValueError(f'"expires_at" must be a number of seconds since 1970, up to {_EXPIRY_MAX_SECONDS}')
    return max(round(seconds * 1000), 1)


def _value(text: bytes, limits: Limits) -> bytes:
    """Return the text of the member "value" in the canonical ``text``."""
    value = find(text, "/value")
    assert value is not None, "the member is there"
    if len(value) > limits.value_bytes_max:
        raise LimitError(f"the value is longer than {limits.value_bytes_max} bytes (value_bytes_max)")
    return value


def _head(members: dict[str, Any]) -> Head:
    if members["fluxdb_dump"] != DUMP_FORMAT_VERSION:
        raise InvalidValueError(f"a dump of format {members['fluxdb_dump']}, this FluxDB reads {DUMP_FORMAT_VERSION}")
    _require(members, _HEAD, needed=_HEAD)
    floors = members["floors"]
    if not isinstance(floors, dict):
        raise InvalidValueError('"floors" must be an object')
    versions = [0] * _FLOORS
    for bucket in floors:
        if not (bucket.isascii() and bucket.isdigit() and len(bucket) <= 4 and int(bucket) < _FLOORS):
            raise InvalidValueError(f"{bucket!r} is not a bucket of the floors: buckets go from 0 to {_FLOORS - 1}")
        versions[int(bucket)] = _number(floors, bucket, low=1, of='"floors": ')
    return Head(
        revision=_number(members, "revision", low=0),
        documents=_number(members, "documents", low=0),
        tombstones=_number(members, "tombstones", low=0),
        floors=struct.pack(f"<{_FLOORS}Q", *versions) if floors else b"",
    )
