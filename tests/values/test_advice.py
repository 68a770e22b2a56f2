"""Each advice is followed: the call that a message names gives the value, which is stored and read back."""

from __future__ import annotations

import array
import base64
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import json
import pathlib
import re
import time
import types
import uuid
import zoneinfo
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from fluxdb import Document, Event
from fluxdb.errors import InvalidValueError
from fluxdb.values import decode, encode


def stand_in(module: str, name: str, *bases: type, **members: Any) -> Any:
    """A type as that package has it: the advice goes by the names of types, and by what they have."""
    return type(name, bases, {"__module__": module, **members})


NumpyGeneric = stand_in("numpy", "generic", item=lambda self: self.held)
NumpyBool = stand_in("numpy", "bool", NumpyGeneric, held=True)
NumpyInt = stand_in("numpy", "int64", NumpyGeneric, held=7)
NumpyFloat32 = stand_in("numpy", "float32", NumpyGeneric, held=0.5)
NumpyTime = stand_in("numpy", "datetime64", NumpyGeneric, __str__=lambda self: "2026-01-01T00:00:00")
NumpySpan = stand_in("numpy", "timedelta64", NumpyGeneric)
NumpyComplex = stand_in("numpy", "complex128", stand_in("numpy", "complexfloating", NumpyGeneric), real=1.0, imag=2.0)
NumpyArray = stand_in("numpy", "ndarray", tolist=lambda self: [[1, 2]])
Masked = stand_in("numpy.ma.core", "MaskedArray", NumpyArray)
Series = stand_in("pandas.core.series", "Series", tolist=lambda self: [1, 2], __iter__=lambda self: iter("ab"))
Frame = stand_in("pandas.core.frame", "DataFrame", to_dict=lambda self, orient: [{"a": 1}] * (orient == "records"))
NaT = stand_in("pandas._libs.tslibs.nattype", "NaTType", datetime.datetime)
NA = stand_in("pandas._libs.missing", "NAType")
Model = stand_in(
    "pydantic.main", "BaseModel", model_dump=lambda self, mode: {"mode": mode}, __iter__=lambda self: iter([("a", 1)])
)
Struct = stand_in("msgspec", "Struct", x=1)
Attrs = stand_in("app", "Attrs", __attrs_attrs__=(), x=1)
PACKAGES = {
    "msgspec": types.SimpleNamespace(to_builtins=lambda struct: {"x": struct.x}),
    "attrs": types.SimpleNamespace(asdict=lambda item: {"x": item.x}),
}


class Colour(enum.Enum):
    RED = "red"


class Power(enum.Flag):
    A = 1
    B = 2


class Pair(NamedTuple):
    left: int
    right: int


class User(Model):  # type: ignore[misc, valid-type]
    pass


class Point3(Struct):  # type: ignore[misc, valid-type]
    pass


@dataclasses.dataclass
class Point:
    x: int
    inner: list[int]


class Views(dict[str, Any]):
    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name)[0]


class Mapped(collections.UserDict[str, int]):
    pass


def some() -> Iterator[int]:
    yield from (1, 2)


UUID = uuid.UUID(int=1)

FOLLOWED: dict[str, tuple[Any, Any]] = {
    "Enum": (Colour.RED, "red"),
    "Flag": (Power.A | Power.B, 3),
    "namedtuple": (Pair(1, 2), {"left": 1, "right": 2}),
    "struct_time": (time.gmtime(0), [1970, 1, 1, 0, 0, 0, 3, 1, 0]),
    "Decimal": (decimal.Decimal("1.10"), "1.10"),
    "Fraction": (fractions.Fraction(1, 3), "1/3"),
    "UUID": (UUID, str(UUID)),
    "Path": (pathlib.Path("a/b"), "a/b"),
    "PurePath": (pathlib.PurePosixPath("a/b"), "a/b"),
    "timedelta": (datetime.timedelta(seconds=1.5), 1.5),
    "datetime": (datetime.datetime(2026, 1, 2, 3), "2026-01-02T03:00:00"),
    "date": (datetime.date(2026, 1, 2), "2026-01-02"),
    "time": (datetime.time(3, 4), "03:04:00"),
    "zone": (zoneinfo.ZoneInfo("UTC"), "UTC"),
    "address": (ipaddress.ip_address("::1"), "::1"),
    "network": (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
    "pattern": (re.compile("a+"), "a+"),
    "numpy.bool": (NumpyBool(), True),
    "numpy.int64": (NumpyInt(), 7),
    "numpy.float32": (NumpyFloat32(), 0.5),
    "numpy.datetime64": (NumpyTime(), "2026-01-01T00:00:00"),
    "numpy.ndarray": (NumpyArray(), [[1, 2]]),
    "masked array": (Masked(), [[1, 2]]),
    "array": (array.array("i", [1, 2]), [1, 2]),
    "pandas.Series": (Series(), [1, 2]),
    "pandas.DataFrame": (Frame(), [{"a": 1}]),
    "pydantic": (User(), {"mode": "json"}),
    "msgspec": (Point3(), {"x": 1}),
    "attrs": (Attrs(), {"x": 1}),
    "dataclass": (Point(1, [2]), {"x": 1, "inner": [2]}),
    "set": ({1}, [1]),
    "frozenset": (frozenset({"a"}), ["a"]),
    "range": (range(3), [0, 1, 2]),
    "deque": (collections.deque([1, 2]), [1, 2]),
    "generator": (some(), [1, 2]),
    "map": (map(str, [1]), ["1"]),
    "dict.keys": ({"a": 1}.keys(), ["a"]),
    "mapping proxy": (types.MappingProxyType({"a": 1}), {"a": 1}),
    "ChainMap": (collections.ChainMap({"a": 1}, {"b": 2}), {"a": 1, "b": 2}),
    "UserDict": (Mapped(a=1), {"a": 1}),
    "dict that shows something else": (Views(a=[1]), {"a": [1]}),
    "memoryview": (memoryview(b"\xff\0"), "/wA="),
    "integer beyond 64 bits": (2**64, "18446744073709551616"),
}


def advice(value: Any) -> str:
    with pytest.raises(InvalidValueError) as caught:
        encode(value)
    return str(caught.value)


def follow(call: str, value: Any) -> Any:
    names = {"base64": base64, "dataclasses": dataclasses, "json": json, **PACKAGES, "it": value}
    return eval(f"it{call}" if call.startswith(".") else call.replace("...", "it"), names)


@pytest.mark.parametrize(("value", "stored"), FOLLOWED.values(), ids=FOLLOWED)
def test_the_call_that_is_named_gives_the_value(value: Any, stored: Any) -> None:
    message = advice(value)
    assert message.startswith("value is ")
    call = re.search(r"(?:convert it|store it as text) with (\S.*)$", message)
    assert call is not None, message
    assert decode(encode(follow(call[1], value))) == stored
    in_place = advice({"a": [value]})
    assert in_place == message.replace("value is", 'value["a"][0] is', 1)


@pytest.mark.parametrize("value", [b"text", bytearray(b"text")])
def test_bytes_are_text_or_base64(value: Any) -> None:
    found = re.search(r"convert it with (\S+) if it is text, otherwise with (\S+)$", advice(value))
    assert found is not None
    assert follow(found[1], value) == "text"
    assert base64.b64decode(follow(found[2], value)) == b"text"


@pytest.mark.parametrize("value", [1 + 2j, NumpyComplex()])
def test_a_complex_number_is_its_two_parts(value: Any) -> None:
    assert re.search(r"complex(128)?, which is not JSON: store its \.real and its \.imag$", advice(value))
    assert decode(encode([value.real, value.imag])) == [1.0, 2.0]


def test_a_document_and_an_event_are_no_values() -> None:
    document = "value is of type fluxdb.Document, which is not JSON: store its .value"
    assert advice(Document({}, 1)) == document
    event = "value[0] is of type fluxdb.Event, which is not JSON: store its .new, or its .old"
    assert advice([Event("k", None, {}, 1, "set", 1)]) == event


def test_the_type_is_named_with_its_module() -> None:
    assert advice(NumpyBool()).startswith("value is of type numpy.bool, which is not JSON")
    assert advice(decimal.Decimal(1)).startswith("value is of type decimal.Decimal, which")
    assert advice({1}).startswith("value is of type set, which")


@pytest.mark.parametrize("value", [NaT(2026, 1, 1), NA()])
def test_what_stands_for_no_value_is_none(value: Any) -> None:
    assert advice(value).endswith(": store None instead")


def test_a_span_of_numpy_is_divided_by_a_second() -> None:
    assert advice(NumpySpan()).endswith('divide it by numpy.timedelta64(1, "s") to store seconds')


@pytest.mark.parametrize("value", [Point, User, int, Colour])
def test_a_class_is_not_taken_for_an_object_of_it(value: Any) -> None:
    message = advice(value)
    assert message.startswith("value is the class ")
    assert message.endswith(f"{value.__qualname__}, which is not JSON: store what an object of it holds")


@pytest.mark.parametrize("value", [some, [].append, len, lambda: 1])
def test_what_was_not_called_is_to_be_called(value: Any) -> None:
    assert advice(value).endswith(": call it, and store the result")


def test_what_was_not_awaited_is_to_be_awaited() -> None:
    async def fetch() -> int:
        return 1

    waiting = fetch()
    assert advice(waiting).endswith("of type coroutine, which is not JSON: await it, and store the result")
    waiting.close()


class Anything:
    """As a mock: it has whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return self


@pytest.mark.parametrize("value", [object(), Anything(), functools.partial(len)])
def test_nothing_is_named_that_a_value_may_not_have(value: Any) -> None:
    assert advice(value).endswith(", which is not JSON: convert it to dict, list, str, int, float, bool or None")


MEMBERS: dict[str, tuple[Any, str]] = {
    "int": (1, "1"),
    "float": (0.5, "0.5"),
    "None": (None, "null"),
    "bool": (True, "true"),
    "bytes": (b"a", "a"),
    "tuple": ((1, 2), "(1, 2)"),
    "Enum": (Colour.RED, "red"),
    "UUID": (UUID, str(UUID)),
    "date": (datetime.date(2026, 1, 2), "2026-01-02"),
}


@pytest.mark.parametrize(("name", "text"), MEMBERS.values(), ids=MEMBERS)
def test_the_key_of_an_object_becomes_text_by_the_call_that_is_named(name: Any, text: str) -> None:
    message = advice([{name: 1}])
    assert message.startswith(f"value[0] has the key {name!r} of type ")
    call = re.search(r": keys of objects must be str: convert it with (\S.*)$", message)
    assert call is not None
    assert follow(call[1], name) == text
    assert decode(encode([{follow(call[1], name): 1}])) == [{text: 1}]
