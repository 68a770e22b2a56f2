"""The requests of the network figures as bytes: the same keys and values in both protocols."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from tools.comparison import documents

Maker = Callable[[bytes, bytes], bytes]


def flux_set(key: bytes, value: bytes) -> bytes:
    return b'{"kind":"set","key":"%b","value":%b}\n' % (key, value)


def flux_get(key: bytes, _: bytes) -> bytes:
    return b'{"kind":"get","key":"%b"}\n' % key


def flux_patch(key: bytes, _: bytes) -> bytes:
    return b'{"kind":"patch","key":"%b","delta":{"id":123456}}\n' % key


def flux_delete(key: bytes, _: bytes) -> bytes:
    return b'{"kind":"del","key":"%b"}\n' % key


def resp(*words: bytes) -> bytes:
    """A command as redis-server takes it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def resp_set(key: bytes, value: bytes) -> bytes:
    return resp(b"SET", key, value)


def resp_get(key: bytes, _: bytes) -> bytes:
    return resp(b"GET", key)


def resp_delete(key: bytes, _: bytes) -> bytes:
    return resp(b"DEL", key)


# Redis has no merge: where we PATCH, it SETs.
MAKERS: dict[str, dict[str, tuple[Maker, ...]]] = {
    "flux": {
        "set": (flux_set,),
        "get": (flux_get,),
        "mixed": (flux_set, flux_get, flux_patch, flux_delete),
    },
    "resp": {
        "set": (resp_set,),
        "get": (resp_get,),
        "mixed": (resp_set, resp_get, resp_set, resp_delete),
    },
}


def of(protocol: str, work: str) -> tuple[bytes, list[int]]:
    """One round over all keys in their fixed random order: the requests one behind the other, and their lengths."""
    pairs = itertools.islice(documents.writes(), documents.KEYS)
    return joined(protocol, work, pairs)


def over(protocol: str, work: str, numbers: Iterable[int]) -> tuple[bytes, list[int]]:
    """The same for these documents."""
    pairs = ((documents.key(number), documents.value(number)) for number in numbers)
    return joined(protocol, work, pairs)


def joined(protocol: str, work: str, pairs: Iterable[tuple[str, Any]]) -> tuple[bytes, list[int]]:
    """The requests to these keys, with these values."""
    makers = MAKERS[protocol][work]
    each = [make(key.encode(), orjson.dumps(value)) for key, value in pairs for make in makers]
    return b"".join(each), [len(request) for request in each]
