"""JSON Pointer in canonical text, against a plain walk over the parsed document."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxdb._core.json.pointer import find, reach, spell_name
from fluxdb._core.json.text import compact
from fluxdb.errors import InvalidValueError

RFC = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


def walk(value: Any, path: str) -> tuple[bool, Any]:
    """(is it there?, the part)."""
    for name in path.split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name in map(str, range(len(value))):
            value = value[int(name)]
        else:
            return False, None
    return True, value


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("", RFC),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_the_examples_of_the_rfc(path: str, part: Any) -> None:
    found = find(compact(orjson.dumps(RFC)), path)
    assert found is not None and orjson.loads(found) == part


@pytest.mark.parametrize(
    "path", ["/foo/2", "/foo/00", "/foo/-", "/foo/-1", "/foo/", "/foo/0/x", "/nope", "/foo/9999999999999999999"]
)
def test_a_part_that_is_not_there(path: str) -> None:
    assert find(compact(orjson.dumps(RFC)), path) is None


@pytest.mark.parametrize("path", ["foo", "a/b", "/~", "/~2", "/a~", "/a~/b", "~0", "/\ud800"])
def test_what_is_no_pointer_is_an_error_with_the_way_out(path: str) -> None:
    with pytest.raises(InvalidValueError, match=r"JSON Pointer|surrogate"):
        find(b"{}", path)


def test_a_path_is_text() -> None:
    with pytest.raises(TypeError, match="a path is a str, not int"):
        find(b"{}", 7)  # type: ignore[arg-type]


TEXT = b'{"a":[{"b":"\\"x"},2],"c":{"d":null}}'


@pytest.mark.parametrize("end", range(TEXT.index(b"null") + 1))
def test_text_cut_short_is_an_error(end: int) -> None:
    with pytest.raises(ValueError, match="not canonical"):
        find(TEXT[:end], "/c/d")


@pytest.mark.parametrize(
    ("text", "path", "reached"),
    [
        (b'{"a":{"b":1}}', "/a/b", (b"1", "", False)),
        (b'{"a":{"b":1}}', "/a/c/d", (b'{"b":1}', "/c/d", False)),
        (b'{"a":[{"b":1}]}', "/a/0/b", (b"1", "", True)),
        (b'{"a":[{"b":1}]}', "/a/1", (b'[{"b":1}]', "/1", True)),
        (b"7", "/n", (b"7", "/n", False)),
    ],
)
def test_how_far_a_path_reaches(text: bytes, path: str, reached: tuple[bytes, str, bool]) -> None:
    assert reach(text, path) == reached


NAMES = st.text(st.sampled_from('/~01"\\a\n\x01\u20ac\U0001f600'), max_size=3)
VALUES = st.recursive(
    st.one_of(st.integers(0, 9), st.text(max_size=3), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)


@given(VALUES, st.lists(st.one_of(NAMES, st.sampled_from(["0", "1", "2", "-", "01"])), max_size=4))
def test_any_part_of_any_document_is_what_parsing_finds(value: Any, names: list[str]) -> None:
    path = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
    is_there, part = walk(value, path)
    found = find(compact(orjson.dumps(value)), path)
    assert (found is not None) == is_there
    if found is not None:
        assert orjson.loads(found) == part


@given(VALUES)
def test_each_part_that_is_there_is_found(value: Any) -> None:
    def visit(inner: Any, path: str) -> None:
        found = find(text, path)
        assert found is not None and orjson.loads(found) == inner
        items = inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
        for name, item in items:
            visit(item, f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}")

    text = compact(orjson.dumps(value))
    visit(value, "")


@given(st.text(max_size=20))
def test_a_name_is_spelled_as_canonical_text_has_it(name: str) -> None:
    escaped = name.replace("~", "~0").replace("/", "~1")
    assert b'"' + spell_name(escaped) + b'"' == compact(json.dumps(name).encode())
