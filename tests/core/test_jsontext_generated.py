"""JSON text, generated: many spellings of one document, every cut, every changed byte, against orjson."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from fluxdb._core.json.text import compact
from fluxdb.errors import InvalidValueError

CHARACTERS = st.characters(exclude_categories=["Cs"])
STRINGS = st.text(CHARACTERS | st.sampled_from('"\\/\b\t\n\r\x00\x1f\x7fé漢😀'), max_size=40)
INTEGERS = st.integers(-(2**63), 2**64 - 1)
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | STRINGS
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(STRINGS, inner, max_size=5), max_leaves=30
)

SAMPLE = (
    '{"id":18446744073709551615,"name":"Jos\\u00e9 \\"J\\" \\ud83d\\ude00 é漢😀\\/","tags":[ "a" , null,'
    ' true,false],\r\n\t"place":{"x":-12.5e+3,"y":0.001,"":{}},"empty":[[],{}],"id":-9223372036854775808}'
).encode()


def respelled(value: Any, data: DataObject) -> str:
    """The text of a value with white space and escapes at random."""
    if isinstance(value, str):
        return '"' + "".join(escaped(character, data) for character in value) + '"'
    space = data.draw(st.sampled_from(["", "", " ", "\n  ", "\t\r\n" + " " * 20]))
    if isinstance(value, dict):
        members = (
            f"{space}{respelled(name, data)}{space}:{space}{respelled(item, data)}" for name, item in value.items()
        )
        return "{" + ",".join(members) + space + "}"
    if isinstance(value, list):
        return "[" + ",".join(space + respelled(item, data) + space for item in value) + space + "]"
    return str(orjson.dumps(value), "ascii")


def escaped(character: str, data: DataObject) -> str:
    plain = str(orjson.dumps(character), "utf-8")[1:-1]
    if data.draw(st.booleans()):
        return "\\/" if character == "/" else plain
    units = character.encode("utf-16-be")
    form = data.draw(st.sampled_from(["\\u%04x", "\\u%04X"]))
    return "".join(str(form) % int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2))


@given(DOCUMENTS)
def test_what_orjson_writes_is_canonical(document: Any) -> None:
    text = orjson.dumps(document)
    assert compact(text) == text
    assert compact(orjson.dumps(document, option=orjson.OPT_INDENT_2)) == text
    assert orjson.loads(compact(json.dumps(document).encode())) == document


@given(DOCUMENTS, st.data())
def test_every_spelling_of_a_document_gives_the_same_bytes(document: Any, data: DataObject) -> None:
    assert compact(respelled(document, data).encode()) == orjson.dumps(document)


@given(st.text(CHARACTERS, max_size=200))
def test_strings_of_any_length_and_place_are_spelled_as_orjson_spells_them(text: str) -> None:
    for before in range(0, 40, 7):
        expected = orjson.dumps(["x" * before, text])
        assert compact(json.dumps(["x" * before, text]).encode()) == expected
        assert compact(json.dumps(["x" * before, text], ensure_ascii=False).encode()) == expected


def is_stricter(text: bytes) -> bool:
    """May it be refused where orjson takes it? An integer beyond 64 bits is: orjson makes a double of it."""
    return any(not -(2**63) <= int(digits) < 2**64 for digits in re.findall(rb"-?\d{19,}(?![\d.eE])", text))


def assert_agrees(text: bytes) -> None:
    try:
        expected = orjson.loads(text)
    except orjson.JSONDecodeError:
        with pytest.raises(InvalidValueError):
            compact(text)
        return
    try:
        result = compact(text)
    except InvalidValueError:
        assert is_stricter(text), text
        return
    assert orjson.loads(result) == expected, text
    assert compact(result) == result


def test_every_cut_of_a_text_is_refused() -> None:
    for end in range(len(SAMPLE)):
        with pytest.raises(InvalidValueError):
            compact(SAMPLE[:end])
    assert orjson.loads(compact(SAMPLE)) == orjson.loads(SAMPLE)


@pytest.mark.parametrize("place", range(len(SAMPLE)))
def test_every_change_of_a_byte_is_judged_as_orjson_judges_it(place: int) -> None:
    text = bytearray(SAMPLE)
    for byte in range(256):
        text[place] = byte
        assert_agrees(bytes(text))
    assert_agrees(SAMPLE[:place] + SAMPLE[place + 1 :])


@given(
    st.lists(
        st.sampled_from([*'{}[]:,"\\/ \nu0129.eE+-ab', "null", "true", '"a":', "\\ud83d\\ude00", "é"]), max_size=30
    )
)
def test_any_heap_of_tokens_is_judged_as_orjson_judges_it(tokens: list[str]) -> None:
    assert_agrees("".join(tokens).encode())


@given(st.binary(max_size=60))
def test_any_bytes_in_a_string_are_judged_as_orjson_judges_them(content: bytes) -> None:
    assert_agrees(b'"' + content + b'"')


@given(st.from_regex(rb"\A-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?\Z"))
def test_any_number_is_judged_as_orjson_judges_it_and_kept_as_written(text: bytes) -> None:
    assert_agrees(text)
    with suppress(InvalidValueError):  # so does orjson, or it can't keep it
        assert compact(text) == text
