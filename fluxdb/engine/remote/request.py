"""Requests as JSON text, without the id and the end that the protocol adds."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from fluxdb._core.json.text import compact
from fluxdb.engine.handle import ANY_VERSION
from fluxdb.errors import InvalidKeyError, InvalidValueError
from fluxdb.limits import WIDEST_LIMITS
from fluxdb.storage.layout import absolute
from fluxdb.values import key_text

DEPTH_MAX = WIDEST_LIMITS.depth_max  # what a server can be set to allow; its own bound is the one that counts

PING = b'{"kind":"ping"'
INFO = b'{"kind":"info"'
CHECKPOINT = b'{"kind":"snapshot"'


def get(key: str) -> bytes:
    return b'{"kind":"get","key":' + quoted(key)


def set(key: str, text: bytes, if_version: int) -> bytes:
    return b'{"kind":"set","key":%b%b,"value":%b' % (quoted(key), _condition(if_version), compact(text, DEPTH_MAX))


def patch(key: str, text: bytes, if_version: int, remove_nulls: bool) -> bytes:
    option = b',"remove_nulls":true' if remove_nulls else b""
    condition = _condition(if_version)
    return b'{"kind":"patch","key":%b%b%b,"delta":%b' % (quoted(key), condition, option, compact(text, DEPTH_MAX))


def delete(key: str, if_version: int) -> bytes:
    return b'{"kind":"del","key":%b%b' % (quoted(key), _condition(if_version))


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
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:
        raise InvalidKeyError(f"a key can't hold a lone surrogate: {key!a:.60}") from None


def _condition(if_version: int) -> bytes:
    return b"" if if_version == ANY_VERSION else b',"if_version":%d' % if_version
