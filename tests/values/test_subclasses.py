"""Values that are accepted though they are not plain: each equals a plain value, which is stored and read back."""

from __future__ import annotations

import collections
import enum
import json
from collections.abc import Iterator
from typing import Any

import pytest

from fluxdb.errors import InvalidValueError
from fluxdb.values import decode, encode


class Text(str):
    pass


class Whole(int):
    pass


class Fraction(float):
    """As numpy.float64."""

    def __repr__(self) -> str:
        return f"Fraction({float(self)})"


class Table(dict[str, Any]):
    pass


class Row(list[Any]):
    pass


class Triple(tuple[Any, ...]):
    pass


class Colour(str, enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Flags(enum.IntFlag):
    A = 1
    B = 2


class Share(float, enum.Enum):
    HALF = 0.5


def ordered() -> collections.OrderedDict[str, int]:
    value = collections.OrderedDict(a=1, b=2, c=3)
    value.move_to_end("a")
    return value


TAKEN: dict[str, tuple[Any, str]] = {
    "str": (Text("é"), '"é"'),
    "int": (Whole(-7), "-7"),
    "float": (Fraction(0.1), "0.1"),
    "dict": (Table(a=1), '{"a":1}'),
    "list": (Row([1, "x"]), '[1,"x"]'),
    "tuple": (Triple((1, 2, 3)), "[1,2,3]"),
    "str Enum": (Colour.RED, '"red"'),
    "IntEnum": (Number.ONE, "1"),
    "IntFlag": (Flags.A | Flags.B, "3"),
    "float Enum": (Share.HALF, "0.5"),
    "OrderedDict": (ordered(), '{"b":2,"c":3,"a":1}'),
    "defaultdict": (collections.defaultdict(list, a=[1]), '{"a":[1]}'),
    "Counter": (collections.Counter("aab"), '{"a":2,"b":1}'),
    "member": ({Colour.RED: 1, Text("b"): 2}, '{"red":1,"b":2}'),
    "within": (
        {"a": [Colour.RED, {"b": (Whole(1), None, True, 2**64 - 1, "x")}]},
        '{"a":["red",{"b":[1,null,true,18446744073709551615,"x"]}]}',
    ),
}


@pytest.mark.parametrize(("value", "text"), TAKEN.values(), ids=TAKEN)
def test_a_subclass_is_stored_as_what_it_equals(value: Any, text: str) -> None:
    assert encode(value).decode() == text
    if not isinstance(value, tuple) and "(" not in repr(value):
        assert decode(encode(value)) == value


@pytest.mark.parametrize(("value", "text"), TAKEN.values(), ids=TAKEN)
def test_the_standard_library_stores_the_same(value: Any, text: str) -> None:
    assert json.loads(json.dumps(value)) == decode(encode(value))


def test_the_bounds_of_numbers_hold_for_subclasses() -> None:
    for value, words in (
        (Whole(2**64), "integer beyond 64 bits"),
        (Fraction("nan"), r"value is nan, which"),
        (Text("\ud800"), "lone surrogate"),
        ({Text("\ud800"): 1}, "lone surrogate"),
    ):
        with pytest.raises(InvalidValueError, match=words):
            encode(value)


class Views(dict[str, list[Any]]):
    """Shows something else than it holds, as a MultiDict of a web framework."""

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name)[0]


class Reverse(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        return reversed(self)


def test_a_container_that_shows_something_else_than_it_holds_is_rejected() -> None:
    with pytest.raises(InvalidValueError, match=r"type .*Views, which is not JSON: convert it with dict\(\.\.\.\)$"):
        encode(Views(a=[1, 2]))
    with pytest.raises(InvalidValueError, match=r"type .*Reverse, which is not JSON: convert it with list\(\.\.\.\)$"):
        encode({"a": Reverse([1])})


class Proxy:
    """As the proxies of web frameworks: it says of itself to be a dict."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return dict


def test_a_proxy_is_not_taken_for_what_it_says_to_be() -> None:
    with pytest.raises(InvalidValueError, match=r"Proxy, which is not JSON"):
        encode([Proxy()])


def test_places_are_named_within_subclasses_too() -> None:
    circle = Row()
    circle.append(Table(x=circle))
    with pytest.raises(InvalidValueError, match=r'^value\[0\]\["x"\] contains itself'):
        encode(circle)
    with pytest.raises(InvalidValueError, match=r'^value\["red"\]\[1\] is of type object'):
        encode(Table({Colour.RED: Row([1, object()])}))
