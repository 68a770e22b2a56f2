"""Python values at the edge: to JSON text on their way in, from it on their way out.

What goes in must be plain: None, bool, int, float, str, list, tuple, and dict with str keys, in any nesting. Anything
else is refused, never turned into something that would be read back as another thing. Tuples are the one exception:
they are stored as arrays and read back as lists.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import orjson

from fluxdb._core.model import Document, Event
from fluxdb._core.plain import DEPTH_MAX, is_plain
from fluxdb.errors import InvalidValueError, LimitError

decode = orjson.loads

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**64 - 1
VERSION_MAX = 2**63 - 1

_dumps = orjson.dumps
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


def encode(value: object) -> bytes:
    """The value as compact JSON text.

    Raises InvalidValueError, which names the place, for what is not plain JSON: other types, keys of objects that are
    not strings, NaN and Infinity, integers beyond 64 bits, lone surrogates, what contains itself; LimitError where it
    is nested deeper than any setting allows.
    """
    if is_plain(value):
        try:
            return _dumps(value, None, _OPTIONS)
        except orjson.JSONEncodeError:
            pass
    fault = find_fault(value)
    if fault is not None:
        raise fault
    return encode_deep(value)


def check_version(if_version: object) -> int:
    """The version that a write asks for. Raises InvalidValueError where it is not a whole number from 0."""
    if type(if_version) is not int or not 0 <= if_version <= VERSION_MAX:
        raise InvalidValueError(f"if_version must be a whole number from 0 to 2**63 - 1, not {if_version!r:.60}")
    return if_version


# A place in the value: the place that holds it, and the step from there. None: the value itself.
_Place = tuple[Any, Any] | None


def find_fault(value: object) -> InvalidValueError | LimitError | None:
    """About the first place that is not plain JSON, in words, with the way out; None where there is none."""
    todo: list[tuple[object, _Place, int]] = [(value, None, 0)]
    while todo:
        item, place, depth = todo.pop()
        reason = _scalar_fault(item)
        if reason is not None:
            return InvalidValueError(f"{_words(place)} {reason}")
        if not isinstance(item, (dict, list, tuple)):
            continue
        if depth == DEPTH_MAX:
            return _depth_fault(value, place)
        if isinstance(item, dict):
            for member in item:
                reason = _member_fault(member)
                if reason is not None:
                    return InvalidValueError(f"{_words(place)} {reason}")
        steps = item.items() if isinstance(item, dict) else enumerate(item)
        todo.extend(reversed([(inner, (place, step), depth + 1) for step, inner in steps]))
    return None


def _depth_fault(value: object, deepest: _Place) -> InvalidValueError | LimitError:
    """About the way from value to the deepest place that was looked at."""
    seen: set[int] = set()
    item: Any = value
    steps = _steps(deepest)
    for number, step in enumerate(steps):
        if id(item) in seen:
            return InvalidValueError(f"{_path(steps[:number])} is one of those that hold it: that is no JSON")
        seen.add(id(item))
        item = item[step]
    return LimitError(f"{_path(steps, 3)} is nested deeper than {DEPTH_MAX}, beyond which depth_max can't be set")


def _scalar_fault(item: object) -> str | None:
    """What is wrong with the item itself, whatever it contains."""
    kind = type(item)
    if item is None or kind in (bool, dict, list, tuple):
        return None
    if kind is str:
        return "holds a lone surrogate, which is not Unicode text" if _has_surrogate(str(item)) else None
    if isinstance(item, int) and kind is int:
        if INTEGER_MIN <= item <= INTEGER_MAX:
            return None
        return "is an integer beyond 64 bits, which JSON readers would round: store it as text with str(...)"
    if isinstance(item, float) and kind is float:
        return None if math.isfinite(item) else f"is {item!r}, which JSON does not have: use None or text"
    return f"is of type {kind.__qualname__}, which is not JSON: {_way_out(item)}"


def _member_fault(member: object) -> str | None:
    if type(member) is not str:
        return f"has the key {member!r:.60} of type {type(member).__qualname__}: keys of objects must be str"
    return f"has the key {member!a:.60}, which holds a lone surrogate" if _has_surrogate(member) else None


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _way_out(item: object) -> str:
    if isinstance(item, Document):
        return "store its .value"
    if isinstance(item, Event):
        return "store its .new, or its .old"
    if isinstance(item, (bytes, bytearray, memoryview)):
        return "decode it, or store it as base64 text"
    if isinstance(item, (set, frozenset)):
        return "convert it with list(...)"
    if hasattr(item, "isoformat"):
        return "convert it with .isoformat()"
    if hasattr(item, "__dataclass_fields__"):
        return "convert it with dataclasses.asdict(...)"
    for plain in (dict, list, tuple, str, int, float):
        if isinstance(item, plain):
            return f"convert it with {plain.__name__}(...)"
    return "convert it to dict, list, str, int, float, bool or None"


def _steps(place: _Place) -> list[Any]:
    """From the value itself to the place."""
    steps: list[Any] = []
    while place is not None:
        place, step = place
        steps.append(step)
    return steps[::-1]


def _words(place: _Place) -> str:
    return _path(_steps(place))


def _path(steps: list[Any], parts_max: int = 20) -> str:
    """value["a"][3]"""
    more = "[...]" if len(steps) > parts_max else ""
    return "value" + "".join(f"[{json.dumps(step):.60}]" for step in steps[:parts_max]) + more


def encode_deep(value: object) -> bytes:
    """As encode, for plain values that are nested deeper than orjson goes (254)."""
    out = bytearray()
    open_containers: list[tuple[Iterator[tuple[Any, Any]], bool]] = [(iter([(None, value)]), False)]
    closers = [b""]
    first = True
    while open_containers:
        items, is_object = open_containers[-1]
        member, item = next(items, (_END, None))
        if member is _END:
            open_containers.pop()
            out += closers.pop()
            first = False
            continue
        if not first:
            out += b","
        if is_object:
            out += _dumps(member) + b":"
        first = isinstance(item, (dict, list, tuple))
        if isinstance(item, dict):
            out += b"{"
            closers.append(b"}")
            open_containers.append((iter(item.items()), True))
        elif isinstance(item, (list, tuple)):
            out += b"["
            closers.append(b"]")
            open_containers.append((iter(enumerate(item)), False))
        else:
            out += _dumps(item)
    return bytes(out)


_END = object()
