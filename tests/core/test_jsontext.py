"""JSON text: what is taken, in which form it is kept, and what is refused, with a word on why and where."""

from __future__ import annotations

import json

import orjson
import pytest

from fluxdb._core.json.text import compact
from fluxdb.errors import InvalidValueError, LimitError

EXACT_DOUBLE_MAX = b"17976931348623157" + b"0" * 292
ROUNDS_TO_INFINITY = str(2**1024 - 2**970).encode()  # half-way between the greatest double and 2^1024
ROUNDS_TO_THE_GREATEST = str(2**1024 - 2**970 - 1).encode()

CANONICAL = [
    b"null",
    b"true",
    b"false",
    b"0",
    b"-0",
    b"-1",
    b"10",
    b"0.0",
    b"-0.10",
    b"1e5",
    b"1E+05",
    b"1.5e-300",
    b'""',
    b'"a"',
    b"[]",
    b"{}",
    b"[[],{},[{}]]",
    b'{"":{"":[null,true,false,0.5]}}',
    b'{"b":1,"a":2,"B":3}',
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551615",
    b"1.7976931348623157e308",
    b"-1.7976931348623158e308",
    b"1e308",
    b"1e-400",
    b"0e999999999999999999999999",
    b"0.000e+99999",
    b"0." + b"0" * 500 + b"1e800",
    EXACT_DOUBLE_MAX + b".0",
    ROUNDS_TO_THE_GREATEST + b".999e0",
    b"1" * 19 + b".5",
    b'"\x7f"',
    '"é ß 漢字 \u2028 \u2029 \U0001f600 \U0010ffff \ufeff \ufffe \ufdd0"'.encode(),
    b'"\xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"',
    rb'"\" \\ \b \t \n \f \r \u0000 \u0001 \u000b \u000e \u001f"',
    rb'{"\"":1,"\\":2,"\u0000":3}',
    b'"' + b"x" * 15 + b'"',
    b'"' + b"x" * 1000 + b'"',
]

BROUGHT_TO_FORM = [
    (b" \t\r\n1 \t\r\n", b"1"),
    (b"[ ]", b"[]"),
    (b"{ \n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n }", b"{}"),
    (b'{ "a" : [ 1 , 2 ] , "b" : { "c" : " d " } }', b'{"a":[1,2],"b":{"c":" d "}}'),
    (rb'"\u0061"', b'"a"'),
    (rb'"\/"', b'"/"'),
    (rb'"\u002f\u002F"', b'"//"'),
    (rb'"\u007f"', b'"\x7f"'),
    (rb'"\u0080"', b'"\xc2\x80"'),
    (rb'"\u00e9\u00E9"', '"éé"'.encode()),
    (rb'"\u07ff\u0800\uffff"', '"\u07ff\u0800\uffff"'.encode()),
    (rb'"\ud83d\ude00"', '"😀"'.encode()),
    (rb'"\uD800\uDC00\uDBFF\uDFFF"', '"\U00010000\U0010ffff"'.encode()),
    (rb'"\u0022\u005C\u005c"', rb'"\"\\\\"'),
    (rb'"\u0008\u0009\u000A\u000b\u000C\u000d\u001F"', rb'"\b\t\n\u000b\f\r\u001f"'),
    (rb'"\u2028"', '"\u2028"'.encode()),
    (rb'{"\u0061\u0062" : 1}', b'{"ab":1}'),
]

REFUSED = [
    # (text, a word of the message, the byte at which it is noticed)
    (b"\xef\xbb\xbf1", "not valid JSON", 0),
    (b"1 2", "not valid JSON", 2),
    (b"1\x00", "not valid JSON", 1),
    (b"{}}", "not valid JSON", 2),
    (b"[1,]", "not valid JSON", 3),
    (b"[,1]", "not valid JSON", 1),
    (b"[1,,2]", "not valid JSON", 3),
    (b"[1 2]", "not valid JSON", 3),
    (b"[1}", "not valid JSON", 2),
    (b'{"a":1]', "not valid JSON", 6),
    (b'{"a":1,}', "not valid JSON", 7),
    (b'{,"a":1}', "not valid JSON", 1),
    (b'{"a"}', "not valid JSON", 4),
    (b'{"a",1}', "not valid JSON", 4),
    (b'{"a":}', "not valid JSON", 5),
    (b'{"a"::1}', "not valid JSON", 5),
    (b"{a:1}", "not valid JSON", 1),
    (b"{1:1}", "not valid JSON", 1),
    (b"{'a':1}", "not valid JSON", 1),
    (b"'a'", "not valid JSON", 0),
    (b"]", "not valid JSON", 0),
    (b":", "not valid JSON", 0),
    (b",", "not valid JSON", 0),
    (b"// comment\n1", "not valid JSON", 0),
    (b"1/**/", "not valid JSON", 1),
    (b"[1,\x0b2]", "not valid JSON", 3),
    (b"[1,\xa02]", "not valid JSON", 3),
    (b"nul", "not valid JSON", 0),
    (b"nulll", "not valid JSON", 4),
    (b"True", "not valid JSON", 0),
    (b"NaN", "not valid JSON", 0),
    (b"Infinity", "not valid JSON", 0),
    (b"-Infinity", "not valid JSON", 1),
    (b"undefined", "not valid JSON", 0),
    (b"01", "not valid JSON", 1),
    (b"-01", "not valid JSON", 2),
    (b"00", "not valid JSON", 1),
    (b"+1", "not valid JSON", 0),
    (b"-", "not valid JSON", 1),
    (b"--1", "not valid JSON", 1),
    (b".5", "not valid JSON", 0),
    (b"1.", "not valid JSON", 2),
    (b"1.e5", "not valid JSON", 2),
    (b"1e", "not valid JSON", 2),
    (b"1e+", "not valid JSON", 3),
    (b"1e5.5", "not valid JSON", 3),
    (b"0x10", "not valid JSON", 1),
    (b"1_000", "not valid JSON", 1),
    (b'"a', "not valid JSON", 2),
    (b'"\\', "not valid JSON", 2),
    (b'"\\"', "not valid JSON", 3),
    (rb'"\a"', "not valid JSON", 1),
    (rb'"\U0061"', "not valid JSON", 1),
    (rb'"\x41"', "not valid JSON", 1),
    (b'"\\\x00"', "not valid JSON", 1),
    (rb'"\u006"', "not valid JSON", 1),
    (rb'"\u00g1"', "not valid JSON", 1),
    (rb'"\u-061"', "not valid JSON", 1),
    (rb'"\u0061', "not valid JSON", 7),
    (b'"\n"', "not valid JSON", 1),
    (b'"\t"', "not valid JSON", 1),
    (b'"\x00"', "not valid JSON", 1),
    (b'"\x1f"', "not valid JSON", 1),
    (rb'"\ud800"', "surrogate", 1),
    (rb'"ab\udc00"', "surrogate", 3),
    (rb'"\ud800\ud800"', "surrogate", 1),
    (rb'"\ud800\u0061"', "surrogate", 1),
    (rb'"\ud800\n"', "surrogate", 1),
    (rb'"\ude00\ud83d"', "surrogate", 1),
    (rb'{"\ud800":1}', "surrogate", 2),
    (rb'"\ud800\u00zz"', "not valid JSON", 7),
    (b'"\x80"', "UTF-8", 1),
    (b'"\xbf"', "UTF-8", 1),
    (b'"\xc0\x80"', "UTF-8", 1),
    (b'"\xc1\xbf"', "UTF-8", 1),
    (b'"\xc3"', "UTF-8", 1),
    (b'"\xc3', "UTF-8", 1),
    (b'"\xc3a"', "UTF-8", 1),
    (b'"\xc3\xc3"', "UTF-8", 1),
    (b'"\xe0\x9f\xbf"', "UTF-8", 1),
    (b'"\xe2\x82"', "UTF-8", 1),
    (b'"\xe2\x82', "UTF-8", 1),
    (b'"\xed\xa0\x80"', "UTF-8", 1),
    (b'"\xed\xbf\xbf"', "UTF-8", 1),
    (b'"\xf0\x8f\xbf\xbf"', "UTF-8", 1),
    (b'"\xf0\x9f\x98"', "UTF-8", 1),
    (b'"\xf4\x90\x80\x80"', "UTF-8", 1),
    (b'"\xf5\x80\x80\x80"', "UTF-8", 1),
    (b'"\xff"', "UTF-8", 1),
    (b'"\xc3\xa9\xff"', "UTF-8", 3),
    (b'{"\xff":1}', "UTF-8", 2),
    (b"18446744073709551616", "can't be kept exactly", 0),
    (b"[1,99999999999999999999]", "can't be kept exactly", 3),
    (b"-9223372036854775809", "can't be kept exactly", 0),
    (b"-18446744073709551615", "can't be kept exactly", 0),
    (b"1" + b"0" * 400, "can't be kept exactly", 0),
    (b"1e309", "can't be kept exactly", 0),
    (b"1e400", "can't be kept exactly", 0),
    (b"-1e400", "can't be kept exactly", 0),
    (b"1e99999999999999999999999", "can't be kept exactly", 0),
    (b"1.7976931348623159e308", "can't be kept exactly", 0),
    (b"0.00017976931348623159e312", "can't be kept exactly", 0),
    (b"1" + b"0" * 309 + b".5", "can't be kept exactly", 0),
    (ROUNDS_TO_INFINITY + b".0", "can't be kept exactly", 0),
    (ROUNDS_TO_INFINITY + b"0e-1", "can't be kept exactly", 0),
]


def short(value: object) -> str | None:
    return ascii(value)[:40] if isinstance(value, bytes) else None


@pytest.mark.parametrize("text", CANONICAL, ids=short)
def test_canonical_text_stays_byte_for_byte(text: bytes) -> None:
    orjson.loads(text)
    assert compact(text) == text
    assert compact(b"\n" + text + b" ") == text
    assert compact(b"[" + text + b"," + text + b"]") == b"[" + text + b"," + text + b"]"


@pytest.mark.parametrize(("text", "expected"), BROUGHT_TO_FORM, ids=short)
def test_there_is_one_form_for_what_says_the_same(text: bytes, expected: bytes) -> None:
    assert compact(text) == expected == orjson.dumps(orjson.loads(text))
    assert compact(expected) == expected


@pytest.mark.parametrize(("text", "word", "offset"), REFUSED, ids=short)
def test_g12_what_is_not_json_or_not_exact_is_refused_and_the_place_named(text: bytes, word: str, offset: int) -> None:
    with pytest.raises(InvalidValueError, match=f"{word}.*at byte {offset} of {len(text)}$"):
        compact(text)
    for before, after in [(b" ", b" "), (b"[", b"]"), (b'{"long enough to reach over a chunk":', b"}")]:
        with pytest.raises(InvalidValueError):
            compact(before + text + after)


@pytest.mark.parametrize("text", [b"", b" ", b"\n" * 40])
def test_nothing_is_no_value(text: bytes) -> None:
    with pytest.raises(InvalidValueError, match=f"not valid JSON, at byte {len(text)} of {len(text)}$"):
        compact(text)


@pytest.mark.parametrize("character", range(0x80))
def test_every_ascii_character_is_spelled_as_orjson_spells_it(character: int) -> None:
    expected = orjson.dumps(chr(character))
    assert compact(b'"\\u%04x"' % character) == expected
    assert compact(b'"\\u%04X"' % character) == expected
    assert compact(json.dumps(chr(character)).encode()) == expected
    assert compact(expected) == expected


@pytest.mark.parametrize("opening, inside, closing", [("[", "", "]"), ('{"a":', "1", "}"), ('[{"a":', "[]", "}]")])
@pytest.mark.parametrize("depth_max", [1, 2, 3, 128, 1026])
def test_depth_max_is_taken_and_one_more_is_refused(opening: str, inside: str, closing: str, depth_max: int) -> None:
    step = opening.count("[") + opening.count("{")
    deep = (depth_max - inside.count("[")) // step
    text = opening * deep + inside + closing * deep
    assert compact(text.encode(), depth_max) == text.encode()
    more = "[" * (depth_max - step * deep - inside.count("[") + 1)
    with pytest.raises(LimitError, match=rf"deeper than depth_max \({depth_max}\) at byte \d+"):
        compact((more + text + "]" * len(more)).encode(), depth_max)


def test_depth_zero_takes_no_array_or_object() -> None:
    assert compact(b'"a"', 0) == b'"a"'
    with pytest.raises(LimitError):
        compact(b"[]", 0)


def test_no_depth_max_reaches_beyond_what_there_is_a_stack_for() -> None:
    assert compact(b"[" * 1026 + b"]" * 1026, 5000) == b"[" * 1026 + b"]" * 1026
    with pytest.raises(LimitError):
        compact(b"[" * 1027 + b"]" * 1027, 5000)
    with pytest.raises(LimitError):
        compact(b'{"a":' * 1_000_000, 5000)


def test_only_bytes_are_taken() -> None:
    for wrong in ("1", bytearray(b"1"), None, 1):
        with pytest.raises(TypeError):
            compact(wrong)  # type: ignore[arg-type]
