"""The slow way to JSON text: one item after the other, without recursion, so that each error can name its place.

It accepts what orjson does not: subclasses of the plain types, and values that are nested deeper than the fast way
goes.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import orjson

from fluxdb.errors import InvalidValueError, LimitError
from fluxdb.limits import RANGES
from fluxdb.values.advice import key_way_out, type_name, way_out

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**64 - 1
DEPTH_MAX = RANGES["depth_max"][1]

_dumps = orjson.dumps

# How a container is read. A subclass that overrides one of these may hold something else than it shows.
_READING_OF_DICT = ("__getitem__", "__iter__", "__len__", "items", "keys", "values")
_READING_OF_LIST = ("__getitem__", "__iter__", "__len__")


class _Holder:
    """A container that is being written: its remaining items, and the step to the current item."""

    __slots__ = ("close", "container", "items", "separator", "step")

    def __init__(self, container: object, items: Iterator[tuple[Any, object]], close: bytes) -> None:
        self.container = container
        self.items = items
        self.close = close
        self.separator = b""
        self.step: Any = None


def encode_stepwise(value: object) -> bytes:
    """Do the same as encoding.encode for any value. Raises InvalidValueError, LimitError."""
    out = bytearray()
    holders: list[_Holder] = []
    _write(value, holders, out)
    while holders:
        holder = holders[-1]
        for step, item in holder.items:
            holder.step = step
            out += holder.separator
            holder.separator = b","
            if holder.close == b"}":
                out += _member(step, holders) + b":"
            if _write(item, holders, out):
                break
        else:
            out += holder.close
            holders.pop()
    return bytes(out)


def _write(item: Any, holders: list[_Holder], out: bytearray) -> bool:
    """Write a scalar, or begin a container; True for a container."""
    kind = type(item)
    if issubclass(kind, dict) and _is_read_as(kind, (dict, OrderedDict), _READING_OF_DICT):
        opened = _Holder(item, iter(list(item.items())), b"}")
    elif issubclass(kind, (list, tuple)) and _is_array(kind):
        opened = _Holder(item, enumerate(list(item)), b"]")
    else:
        out += _scalar(item, holders)
        return False
    if len(holders) == DEPTH_MAX:
        raise _depth_fault(item, holders)
    out += b"{" if opened.close == b"}" else b"["
    holders.append(opened)
    return True


def _is_array(kind: type) -> bool:
    """Return False for tuples whose items have names, which an array would lose: namedtuple, os.stat_result."""
    if hasattr(kind, "_fields") or hasattr(kind, "n_sequence_fields"):
        return False
    return _is_read_as(kind, (list, tuple), _READING_OF_LIST)


def _is_read_as(kind: type, plain_kinds: tuple[type, ...], names: tuple[str, ...]) -> bool:
    if kind in plain_kinds:
        return True
    found = [getattr(kind, name, None) for name in names]
    return any(found == [getattr(plain, name) for name in names] for plain in plain_kinds)


def _scalar(item: Any, holders: list[_Holder]) -> bytes:
    kind = type(item)  # not item.__class__: a proxy pretends to be the object it stands for
    if item is None or item is True or item is False:
        return _dumps(item)
    reason: str
    if issubclass(kind, str):
        text = _string(item)
        if text is not None:
            return text
        reason = "holds a lone surrogate, which is not Unicode text"
    elif issubclass(kind, int):
        number = int.__int__(item)
        if INTEGER_MIN <= number <= INTEGER_MAX:
            return _dumps(number)
        reason = "is an integer beyond 64 bits, which JSON readers would round: store it as text with str(...)"
    elif issubclass(kind, float):
        fraction = float.__float__(item)
        if math.isfinite(fraction):
            return _dumps(fraction)
        reason = f"is {fraction!r}, which JSON does not have: use None or text"
    elif issubclass(kind, type):
        reason = f"is the class {type_name(item)}, which is not JSON: store what an object of it holds"
    else:
        reason = f"is of type {type_name(kind)}, which is not JSON: {way_out(item)}"
    raise InvalidValueError(f"{_path(holders)} {reason}")


def _member(name: Any, holders: list[_Holder]) -> bytes:
    """Return the name of a member of the innermost object."""
    kind = type(name)
    if issubclass(kind, str):
        text = _string(name)
        if text is not None:
            return text
        reason = f"{name!a:.60}, which holds a lone surrogate"
    else:
        reason = f"{name!r:.60} of type {type_name(kind)}: keys of objects must be str: {key_way_out(name)}"
    raise InvalidValueError(f"{_path(holders[:-1])} has the key {reason}")


def _string(text: str) -> bytes | None:
    """Return None for a lone surrogate. A str Enum is the text that it equals, not its str(...)."""
    try:
        return _dumps(str.__str__(text))
    except orjson.JSONEncodeError:
        return None


def _depth_fault(item: object, holders: list[_Holder]) -> InvalidValueError | LimitError:
    seen: set[int] = set()
    for depth, container in enumerate([*(holder.container for holder in holders), item]):
        if id(container) in seen:
            return InvalidValueError(f"{_path(holders[:depth])} contains itself, which JSON can't")
        seen.add(id(container))
    return LimitError(f"{_path(holders, 3)} is nested deeper than {DEPTH_MAX}, beyond which depth_max can't be set")


def _path(holders: list[_Holder], parts_max: int = 20) -> str:
    """value["a"][3]"""
    more = "[...]" if len(holders) > parts_max else ""
    return "value" + "".join(f"[{json.dumps(holder.step):.60}]" for holder in holders[:parts_max]) + more
