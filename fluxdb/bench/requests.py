"""The requests of a benchmark, as bytes that the load generator sends as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fluxdb.bench.work import DELETE, GET, MIXED, PATCH, SET

FLUX: Final = "flux"
RESP: Final = "resp"


@dataclass(frozen=True, slots=True)
class Requests:
    """``text`` holds them one after the other, ``lengths`` how long each is."""

    text: bytes
    lengths: list[int]


def requests_of(protocol: str, operation: str, first: int, keys: int) -> Requests:
    """The requests to keys ``first`` to ``first + keys - 1``; of MIXED its four to each key."""
    makers = MAKERS[protocol][operation]
    each = [maker(i) for i in range(first, first + keys) for maker in makers]
    return Requests(b"".join(each), list(map(len, each)))


def _payload(i: int) -> bytes:
    return b'{"id":%d,"data":"benchmark data"}' % i


def _set(i: int) -> bytes:
    return b'{"kind":"set","key":"bench:%d","value":%b}\n' % (i, _payload(i))


def _get(i: int) -> bytes:
    return b'{"kind":"get","key":"bench:%d"}\n' % i


def _patch(i: int) -> bytes:
    return b'{"kind":"patch","key":"bench:%d","delta":{"id":%d}}\n' % (i, i + 1)


def _delete(i: int) -> bytes:
    return b'{"kind":"del","key":"bench:%d"}\n' % i


def _resp_set(i: int) -> bytes:
    return resp(b"SET", b"bench:%d" % i, _payload(i))


def _resp_get(i: int) -> bytes:
    return resp(b"GET", b"bench:%d" % i)


def _resp_delete(i: int) -> bytes:
    return resp(b"DEL", b"bench:%d" % i)


def resp(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


MAKERS: Final[dict[str, dict[str, tuple[Callable[[int], bytes], ...]]]] = {
    FLUX: {SET: (_set,), GET: (_get,), PATCH: (_patch,), DELETE: (_delete,), MIXED: (_set, _get, _patch, _delete)},
    RESP: {SET: (_resp_set,), GET: (_resp_get,), DELETE: (_resp_delete,)}
    | {MIXED: (_resp_set, _resp_get, _resp_set, _resp_delete)},  # there is no PATCH
}
