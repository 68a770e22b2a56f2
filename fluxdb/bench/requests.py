"""The requests of a benchmark, as bytes that the load generator sends as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

MIXED_KEYS: Final = 100


@dataclass(frozen=True, slots=True)
class Requests:
    """``text`` holds them one behind the other, ``lengths`` how long each is."""

    text: bytes
    lengths: list[int]


def build(requests: Iterable[bytes]) -> Requests:
    each = list(requests)
    return Requests(b"".join(each), [len(request) for request in each])


def payload(i: int) -> bytes:
    return b'{"id":%d,"data":"benchmark data"}' % i


def flux_set(i: int) -> bytes:
    return b'{"kind":"set","key":"bench:%d","value":%b}\n' % (i, payload(i))


def flux_get(i: int) -> bytes:
    return b'{"kind":"get","key":"bench:%d"}\n' % i


def flux_patch(i: int) -> bytes:
    return b'{"kind":"patch","key":"bench:%d","delta":{"id":%d}}\n' % (i, i + 1)


def flux_delete(i: int) -> bytes:
    return b'{"kind":"del","key":"bench:%d"}\n' % i


def resp_set(i: int) -> bytes:
    return _resp(b"SET", b"bench:%d" % i, payload(i))


def resp_get(i: int) -> bytes:
    return _resp(b"GET", b"bench:%d" % i)


def resp_delete(i: int) -> bytes:
    return _resp(b"DEL", b"bench:%d" % i)


def _resp(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


Maker = Callable[[int], bytes]

MAKERS: Final[dict[str, dict[str, tuple[Maker, ...]]]] = {
    "flux": {
        "SET": (flux_set,),
        "GET": (flux_get,),
        "PATCH": (flux_patch,),
        "DELETE": (flux_delete,),
        "MIXED": (flux_set, flux_get, flux_patch, flux_delete),
    },
    "resp": {
        "SET": (resp_set,),
        "GET": (resp_get,),
        "DELETE": (resp_delete,),
        "MIXED": (resp_set, resp_get, resp_set, resp_delete),
    },
}


def requests_of(protocol: str, operation: str, first: int, count: int) -> Requests:
    """The requests to keys ``first`` to ``first + count - 1``; of MIXED its four in turn, each key by each of them."""
    makers = MAKERS[protocol][operation]
    return build(maker(i) for i in range(first, first + count) for maker in makers)
