"""Members that come again: the last one stays, however the name is spelled and however many there are."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxdb._core.json.text import compact

MIB = 1024 * 1024


def last_of_each(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The reference: the last member of a name stays, where it stands."""
    result: dict[str, Any] = {}
    for name, value in members:
        result.pop(name, None)
        result[name] = value
    return result


def reference(text: bytes) -> bytes:
    return orjson.dumps(json.loads(text, object_pairs_hook=last_of_each))


@pytest.mark.guarantee(12)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a":1,"a":2}', b'{"a":2}'),
        (b'{"a":1,"b":2,"a":3}', b'{"b":2,"a":3}'),
        (b'{"a":1,"a":2,"a":3,"b":4}', b'{"a":3,"b":4}'),
        (b'{"":0,"":0}', b'{"":0}'),
        (rb'{"a":1,"\u0061":2}', b'{"a":2}'),
        (rb'{"\u0061":1,"a":2}', b'{"a":2}'),
        (rb'{"\u00e9":1,"\u00E9":2,"x":3}', '{"é":2,"x":3}'.encode()),
        (rb'{"\ud83d\ude00":1 , "x" : [ 2 ]}', '{"😀":1,"x":[2]}'.encode()),
        ('{"😀":1,"\\ud83d\\ude00":[ ]}'.encode(), '{"😀":[]}'.encode()),
        (rb'{"\/":1,"/":2,"\u002f":3}', b'{"/":3}'),
        (rb'{"\n":1,"\u000a":2,"\u000A":3}', rb'{"\n":3}'),
        (rb'{"\"":1,"\u0022":2}', rb'{"\"":2}'),
        (b'{"a":{"x":1,"x":2},"a":{"y":1,"y":2}}', b'{"a":{"y":2}}'),
        (b'{"a":[{"x":1,"x":2},{"x":3,"x":4}]}', b'{"a":[{"x":2},{"x":4}]}'),
        (b'{"a":{"a":{"a":1,"a":2},"a":3},"b":{"a":4}}', b'{"a":{"a":3},"b":{"a":4}}'),
        ('{"\u00e9":1,"e\u0301":2}'.encode(), '{"\u00e9":1,"e\u0301":2}'.encode()),
        (b'{"a":1,"A":2,"aa":3,"a ":4}', b'{"a":1,"A":2,"aa":3,"a ":4}'),
        (rb'{"a":1,"a\u0000":2}', rb'{"a":1,"a\u0000":2}'),
    ],
    ids=ascii,
)
def test_g12_the_last_member_of_a_name_stays(text: bytes, expected: bytes) -> None:
    assert compact(text) == expected
    assert compact(expected) == expected


NAMES = st.sampled_from(["", "a", "b", "é", "\n", '"', "/", "name", "name of twenty bytes", "name of twenty bytex"])
VALUES = st.recursive(
    st.sampled_from(["1", "null", '"x"', '"\\u0041"', "[]", " [1, 2]"]),
    lambda inner: st.builds(lambda members: as_object(members), st.lists(st.tuples(NAMES, inner), max_size=6)),
    max_leaves=8,
)


def as_object(members: list[tuple[str, str]]) -> str:
    spelled = (f"{json.dumps(name, ensure_ascii=len(value) % 2 == 0)} : {value}" for name, value in members)
    return "{" + ", ".join(spelled) + "}"


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12))
def test_generated_objects_equal_the_reference(members: list[tuple[str, str]]) -> None:
    text = as_object(members).encode()
    assert compact(text) == reference(text)


@pytest.mark.parametrize("names", [1, 2, 3, 20, 30, 50, 200, 1000])
@pytest.mark.parametrize("members", [23, 24, 25, 26, 48, 63, 64, 65, 129, 3000])
def test_objects_of_every_size_equal_the_reference(members: int, names: int) -> None:
    pieces = [f'"key{(7 * i) % names}":{{"n":{i},"n":[{i}]}}' for i in range(members)]
    text = ("{" + ",".join(pieces) + "}").encode()
    assert compact(text) == reference(text)
    assert compact(b'{"a":' + text + b',"b":' + text + b"}") == b'{"a":%b,"b":%b}' % (reference(text), reference(text))


# Objects with the members of those before them: what is known of the names of one is taken for the next.

SHAPES = st.lists(NAMES | st.sampled_from(["of sixteen bytes", "fourteen bytes"]), unique=True, max_size=20)
CHANGES = st.sampled_from(["none"] * 6 + ["one more", "one again", "one less", "other order", "spelled", "one within"])


def changed(names: list[str], change: str, number: int) -> str:
    """An object with these members, or almost."""
    members = [(name, f"{number}") for name in names]
    place = number % (len(names) or 1)
    if change == "one more":
        members.insert(place, (f"new {number % 3}", "[]"))
    elif change == "one again" and names:
        members.insert((place + 7) % (len(names) + 1), (names[place], "null"))
    elif change == "one less" and names:
        del members[place]
    elif change == "other order":
        members.reverse()
    elif change == "one within" and names:
        members[place] = (names[place], "{" + ",".join(f"{json.dumps(name)}:0" for name in [*names, *names[:1]]) + "}")
    respelled = (lambda name: "".join(f"\\u{ord(c):04x}" for c in name)) if change == "spelled" else None
    spelled = [f'"{respelled(name)}"' if respelled else json.dumps(name, ensure_ascii=False) for name, _ in members]
    return "{" + ",".join(f"{name}:{value}" for name, (_, value) in zip(spelled, members, strict=True)) + "}"


@pytest.mark.guarantee(12)
@given(SHAPES, st.lists(CHANGES, max_size=40))
def test_g12_objects_like_those_before_them_equal_the_reference(names: list[str], changes: list[str]) -> None:
    objects = [changed(names, change, number) for number, change in enumerate(changes)]
    text = ("[" + ",".join(objects) + "]").encode()
    assert compact(text) == reference(text)
    nested = ('[{"in":' + '},{"in":'.join(objects) + "}]").encode() if objects else b"[]"
    assert compact(nested) == reference(nested)


@pytest.mark.guarantee(12)
@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (b'{"a":1,"b":2,"a":3}', b'{"b":2,"a":3}'),
        (rb'{"a":1,"\u0061":2}', b'{"a":2}'),
        (b'{"a":1,"a":2}', b'{"a":2}'),
        (b'{"a":1,"b":2,"c":3,"b":4}', b'{"a":1,"c":3,"b":4}'),
        (b'{"b":1,"a":2,"b":3}', b'{"a":2,"b":3}'),
        (b'{"a":{"a":1,"a":2},"b":3,"b":4}', b'{"a":{"a":2},"b":4}'),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("before", [0, 1, 2, 3, 40])
def test_g12_the_last_member_stays_behind_objects_with_the_same_names(
    before: int, last: bytes, expected: bytes
) -> None:
    usual = [b'{"a":1,"b":{"a":1,"b":2}}'] * before
    assert compact(b"[" + b",".join([*usual, last, *usual]) + b"]") == (
        b"[" + b",".join([*usual, expected, *usual]) + b"]"
    )


def filled(piece: str, size: int = 16 * MIB) -> bytes:
    return piece.encode() * (size // len(piece))


# These would take hours if the time to find, or to remove, repeated members grew with its square.


def test_sixteen_mib_of_one_member_over_and_over() -> None:
    assert compact(b"{" + filled('"a":1,') + b'"a":2}') == b'{"a":2}'


def test_sixteen_mib_of_two_members_in_turn() -> None:
    assert compact(b"{" + filled('"a":1,"b":2,') + b'"b":3}') == b'{"a":1,"b":3}'


def test_sixteen_mib_of_different_members_twice() -> None:
    half = ",".join(f'"{i:x}":{i}' for i in range(550_000)).encode()
    assert len(half) > 7 * MIB
    assert compact(b"{" + half + b"," + half + b"}") == b"{" + half + b"}"


def test_sixteen_mib_of_members_around_one_that_stays() -> None:
    others = [b'"k%x":0' % i for i in range(800_000)]
    text = b"{" + b',"a":1,'.join(others) + b',"a":2}'
    assert compact(text) == b"{" + b",".join(others) + b',"a":2}'


def test_many_long_names_that_differ_in_the_middle_only() -> None:
    names = ["x" * 4000 + f"{i:04}" + "y" * 4000 for i in range(1000)]
    text = orjson.dumps(dict.fromkeys(names, 0))
    assert compact(text) == text
    assert compact(text[:-1] + b"," + text[1:]) == text


def test_repeated_members_at_every_level_of_a_deep_text() -> None:
    wide = "[" + "0," * 4 * MIB + "0]"
    text = '{"a":0,"a":' * 1000 + wide + "}" * 1000
    assert compact(text.encode(), 1024) == ('{"a":' * 1000 + wide + "}" * 1000).encode()


def test_many_objects_that_are_just_big_enough_for_an_index() -> None:
    one = b"{" + b",".join(b'"%d":0' % i for i in range(30)) + b"}"
    text = b"[" + (one + b",") * 20_000 + one + b"]"
    assert compact(text) == text
