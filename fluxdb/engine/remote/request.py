"""Requests as JSON text, without the id and the end that the protocol adds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import orjson

from fluxdb._core.documents.documents import NUMBER_MAX
from fluxdb._core.json.pointer import find
from fluxdb._core.json.text import compact
from fluxdb.engine.handle import ANY_VERSION
from fluxdb.engine.operation import Operation
from fluxdb.engine.ranges import ScanRange
from fluxdb.errors import FluxDBError, InvalidKeyError, InvalidValueError
from fluxdb.limits import WIDEST_LIMITS
from fluxdb.model import Kind
from fluxdb.storage.layout import absolute
from fluxdb.values import key_text

DEPTH_MAX = WIDEST_LIMITS.depth_max  # what a server can be set to allow; its own bound is the one that counts

PING = b'{"kind":"ping"'
INFO = b'{"kind":"info"'
CHECKPOINT = b'{"kind":"snapshot"'


def get(key: str, path: str = "") -> bytes:
    return b'{"kind":"get","key":%b%b' % (quoted(key), _path(path))


def get_many(keys: Iterable[str], path: str = "") -> bytes:
    if isinstance(keys, (str, bytes)):
        name = type(keys).__name__
        raise InvalidKeyError(f"get_many takes the keys one by one, not {name}: get_many([key, ...])")
    return b'{"kind":"get_many","keys":[%b]%b' % (b",".join(map(quoted, keys)), _path(path))


def scan(keys: ScanRange, *, keys_only: bool = False) -> bytes:
    """Raises InvalidKeyError; InvalidValueError where the limit is no whole number from 1."""
    if keys.limit is not None and (type(keys.limit) is not int or not 1 <= keys.limit <= NUMBER_MAX):
        raise InvalidValueError(f"limit is a whole number from 1, or None, not {keys.limit!r:.60}")
    bounds = ("prefix", keys.prefix or None), ("start", keys.start), ("end", keys.end), ("after", keys.after)
    members = [b',"%b":%b' % (name.encode(), _bound(bound)) for name, bound in bounds if bound is not None]
    if keys.limit is not None:
        members.append(b',"limit":%d' % keys.limit)
    members += [b',"reverse":true'] if keys.reverse else []
    members += [b',"keys_only":true'] if keys_only else []
    return b'{"kind":"scan"' + b"".join(members)


def count(prefix: str = "") -> bytes:
    return b'{"kind":"count","prefix":' + _bound(prefix)


def set(key: str, text: bytes, if_version: int, ttl_ms: int = 0, keep_ttl: bool = False) -> bytes:
    options = _condition(if_version) + _ttl(ttl_ms) + (b',"keep_ttl":true' if keep_ttl else b"")
    return b'{"kind":"set","key":%b%b,"value":%b' % (quoted(key), options, compact(text, DEPTH_MAX))


def touch(key: str, ttl_ms: int, if_version: int) -> bytes:
    ttl = _ttl(ttl_ms) or b',"ttl":null'
    return b'{"kind":"touch","key":%b%b%b' % (quoted(key), _condition(if_version), ttl)


def patch(key: str, text: bytes, if_version: int, remove_nulls: bool, ttl_ms: int = 0) -> bytes:
    option = (b',"remove_nulls":true' if remove_nulls else b"") + _ttl(ttl_ms)
    condition = _condition(if_version)
    return b'{"kind":"patch","key":%b%b%b,"delta":%b' % (quoted(key), condition, option, compact(text, DEPTH_MAX))


def delete(key: str, if_version: int) -> bytes:
    return b'{"kind":"del","key":%b%b' % (quoted(key), _condition(if_version))


def increment(key: str, by: int, path: str, if_version: int) -> bytes:
    return b'{"kind":"increment","key":%b,"by":%d%b%b' % (quoted(key), by, _path(path), _condition(if_version))


def batch(operations: Sequence[Operation]) -> bytes:
    """Raises what one of the operations is wrong with, with its ``index``."""
    return b'{"kind":"batch","ops":[%b]' % b",".join([_numbered(*each) for each in enumerate(operations)])


def _numbered(index: int, operation: Operation) -> bytes:
    try:
        return _operation(operation) + b"}"
    except FluxDBError as error:
        error.index = index
        raise


def _operation(operation: Operation) -> bytes:
    kind, key, condition = operation.kind, operation.key, operation.if_version
    if kind == Kind.DELETE:
        return delete(key, condition)
    if kind == Kind.INCREMENT:
        return increment(key, operation.by, operation.path, condition)
    if kind == Kind.CHECK:
        version = b"" if condition == ANY_VERSION else b',"version":%d' % condition
        exists = b',"exists":true' if operation.exists else b""
        return b'{"kind":"check","key":%b%b%b' % (quoted(key), version, exists)
    if kind == Kind.TOUCH:
        return touch(key, operation.ttl_ms, condition)
    text = operation.text
    if text is None or kind not in (Kind.SET, Kind.PATCH, Kind.PATCH_REMOVE_NULLS):
        raise ValueError("a SET and a PATCH have a value, and no other write has one")
    if kind == Kind.SET:
        return set(key, text, condition, operation.ttl_ms, operation.keep_ttl)
    return patch(key, text, condition, kind == Kind.PATCH_REMOVE_NULLS, operation.ttl_ms)


def subscribe(key: str) -> bytes:
    return b'{"kind":"subscribe","key":' + quoted(key)


def unsubscribe(key: str) -> bytes:
    return b'{"kind":"unsubscribe","key":' + quoted(key)


def backup(folder: str | os.PathLike[str]) -> bytes:
    """The server's current folder is another one, so the path is made absolute. Raises InvalidValueError."""
    try:
        return b'{"kind":"backup","folder":' + orjson.dumps(str(absolute(Path(folder))))
    except orjson.JSONEncodeError:
        raise InvalidValueError(f"the path of a folder on the server is Unicode text, not {folder!a:.60}") from None


def auth(password: str) -> bytes:
    return b'{"kind":"auth","password":' + orjson.dumps(password)


def quoted(key: str) -> bytes:
    """The key as a JSON string. Raises InvalidKeyError."""
    text = key_text(key)
    if not text:
        raise InvalidKeyError("a key can't be empty")
    return _string(text, "a key")


def _path(path: str) -> bytes:
    if path == "":
        return b""
    find(b"null", path)  # raises where it is no JSON Pointer
    return b',"path":' + orjson.dumps(path)


def _bound(text: str) -> bytes:
    if not isinstance(text, str):
        raise InvalidKeyError(f"a bound of a range is a str, not {type(text).__name__}")
    return _string(str.__str__(text), "a bound of a range")


def _string(text: str, name: str) -> bytes:
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:
        raise InvalidKeyError(f"{name} can't hold a lone surrogate: {text!a:.60}") from None


def _ttl(ttl_ms: int) -> bytes:
    return b',"ttl":%d.%03d' % divmod(ttl_ms, 1000) if ttl_ms else b""


def _condition(if_version: int) -> bytes:
    return b"" if if_version == ANY_VERSION else b',"if_version":%d' % if_version
