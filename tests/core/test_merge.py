"""Merge-patch: RFC 7396 to the letter with remove_nulls, and the rule that keeps a null like any other value."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxdb._core.json.merge import merge
from fluxdb._core.json.text import compact

# RFC 7396 appendix A: original, patch, result.
RFC_7396 = [
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('["a","b"]', '["c","d"]', '["c","d"]'),
    ('{"a":"b"}', '["c"]', '["c"]'),
    ('{"a":"foo"}', "null", "null"),
    ('{"a":"foo"}', '"bar"', '"bar"'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]

# Cases in which the two rules differ: target, delta, result with nulls kept, result with nulls removed.
NULLS = [
    ('{"a":1,"b":2,"c":3}', '{"a":null}', '{"a":null,"b":2,"c":3}', '{"b":2,"c":3}'),
    ('{"a":1,"b":2,"c":3}', '{"b":null}', '{"a":1,"b":null,"c":3}', '{"a":1,"c":3}'),
    ('{"a":1,"b":2,"c":3}', '{"c":null}', '{"a":1,"b":2,"c":null}', '{"a":1,"b":2}'),
    ('{"a":1,"b":2,"c":3}', '{"c":null,"a":null}', '{"a":null,"b":2,"c":null}', '{"b":2}'),
    ('{"a":1,"b":2,"c":3}', '{"b":null,"a":null}', '{"a":null,"b":null,"c":3}', '{"c":3}'),
    ('{"a":1,"b":2}', '{"b":null,"a":null}', '{"a":null,"b":null}', "{}"),
    ('{"a":1,"b":2}', '{"b":null,"a":null,"d":4}', '{"a":null,"b":null,"d":4}', '{"d":4}'),
    ('{"a":{"x":1}}', '{"a":{"x":null}}', '{"a":{"x":null}}', '{"a":{}}'),
    ('{"a":{"x":1},"b":1}', '{"a":null,"b":{"x":null}}', '{"a":null,"b":{"x":null}}', '{"b":{}}'),
    ('{"a":1}', '{"z":null}', '{"a":1,"z":null}', '{"a":1}'),
    ('{"a":1}', "{}", '{"a":1}', '{"a":1}'),
    ("{}", "{}", "{}", "{}"),
    ("1", "{}", "{}", "{}"),
    ("null", '{"a":[null,{"b":null}]}', '{"a":[null,{"b":null}]}', '{"a":[null,{"b":null}]}'),
    (None, "null", "null", "null"),
    (None, "[null]", "[null]", "[null]"),
    (None, '{"a":null}', '{"a":null}', "{}"),
    (None, '{"a":null,"b":{"c":null,"d":1,"e":null},"f":null}', None, '{"b":{"d":1}}'),
    ('"x"', '{"a":null,"b":1,"c":null,"d":2}', '{"a":null,"b":1,"c":null,"d":2}', '{"b":1,"d":2}'),
    ('{"a":[1]}', '{"a":{"b":null}}', '{"a":{"b":null}}', '{"a":{}}'),
    ('{"null":"null"}', '{"null":"null"}', '{"null":"null"}', '{"null":"null"}'),
]

SKIPPED_VALUES = [
    '"}],{["',
    r'"\\"',
    r'"\"}"',
    '{"a":{"b":"]}\\""}}',
    '[[[]],"[",{"x":["\\\\"]}]',
    "-1.5e+300",
    "{}",
    "[]",
]


def merged(target: str | None, delta: str, *, remove_nulls: bool) -> str:
    return merge(None if target is None else target.encode(), delta.encode(), remove_nulls).decode()


@pytest.mark.parametrize(("target", "delta", "expected"), RFC_7396)
def test_rfc_7396_appendix_a_holds_with_remove_nulls(target: str, delta: str, expected: str) -> None:
    assert merged(target, delta, remove_nulls=True) == expected


@pytest.mark.parametrize(("target", "delta", "expected"), [case for case in RFC_7396 if "null" not in case[1]])
def test_both_rules_agree_where_the_delta_has_no_null(target: str, delta: str, expected: str) -> None:
    assert merged(target, delta, remove_nulls=False) == expected


@pytest.mark.parametrize(("target", "delta", "kept", "removed"), NULLS)
def test_a_null_overwrites_or_removes(target: str | None, delta: str, kept: str | None, removed: str) -> None:
    assert merged(target, delta, remove_nulls=False) == (delta if kept is None else kept)
    assert merged(target, delta, remove_nulls=True) == removed


@pytest.mark.parametrize("value", SKIPPED_VALUES)
@pytest.mark.parametrize("before", ["", '"b":1,', '"bb":{"a":0},"":[],', '"x":"a","aa":["a",{"a":1}],'])
@pytest.mark.parametrize("behind", ["", ',"c":{"a":[0]}'])
def test_what_the_delta_does_not_name_stays_byte_for_byte(before: str, value: str, behind: str) -> None:
    target = f'{{{before}"s":{value},"a":{value},"t":{value}{behind}}}'
    for inner in ("2", '"2"', "[2]"):
        result = f'{{{before}"s":{value},"a":{inner},"t":{value}{behind}}}'
        assert merged(target, f'{{"a":{inner}}}', remove_nulls=False) == result
        nested = merged(f'{{"o":{target},"p":0}}', f'{{"o":{{"a":{inner}}}}}', remove_nulls=False)
        assert nested == f'{{"o":{result},"p":0}}'
    assert merged(target, '{"n":{"m":1}}', remove_nulls=True) == target[:-1] + ',"n":{"m":1}}'
    assert merged(target, '{"a":null}', remove_nulls=True) == f'{{{before}"s":{value},"t":{value}{behind}}}'


@pytest.mark.parametrize(
    "name", [",", ":", "}", "]", "{", "[", '\\"', "\\\\", '\\",\\"', ",\\\\", "\\\\\\\\", "\\n", "", "é"]
)
def test_no_name_is_mistaken_for_structure(name: str) -> None:
    other = f'"x":["{name}",":","{name}"],"{name}{name}x":"{name}","y":{{"{name}":[",","{name}"]}}'
    target = f'{{{other},"{name}":"{name}","z":"{name}"}}'
    expected = f'{{{other},"{name}":0,"z":"{name}"}}'
    assert merged(target, f'{{"{name}":0}}', remove_nulls=False) == expected
    assert merged(target, f'{{"{name}":null}}', remove_nulls=True) == f'{{{other},"z":"{name}"}}'
    absent = f"{{{other}}}"
    assert merged(absent, f'{{"{name}":0}}', remove_nulls=False) == f'{{{other},"{name}":0}}'


def test_the_target_s_order_is_kept_and_new_members_follow_in_the_delta_s() -> None:
    assert merged('{"c":1,"a":2,"b":3}', '{"x":4,"b":5,"d":6,"c":7}', remove_nulls=False) == (
        '{"c":7,"a":2,"b":5,"x":4,"d":6}'
    )


# Against a reference


def reference(target: Any, delta: Any, *, remove_nulls: bool) -> Any:
    if not isinstance(delta, dict):
        return delta
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in delta.items():
        if remove_nulls and value is None:
            result.pop(name, None)
        else:
            result[name] = reference(result.get(name), value, remove_nulls=remove_nulls)
    return result


FEW_NAMES = st.sampled_from(["", "a", "b", "é", '"', "\\", "}", ",", ":", "\n", "name of 16 bytes", "name of 16 bytez"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-100, 10**18)
    | st.sampled_from(["", "}", '{"a":', '\\"', "é", "x" * 40])
    | st.floats(allow_nan=False, allow_infinity=False)
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FEW_NAMES, inner, max_size=6),
    max_leaves=25,
)
OBJECTS = st.dictionaries(FEW_NAMES, DOCUMENTS, max_size=8)
MANY_NAMES = st.dictionaries(st.integers(0, 60).map(str), st.none() | st.integers(0, 9) | OBJECTS, max_size=60)


def assert_equals_reference(target: Any, delta: Any, *, remove_nulls: bool) -> None:
    expected = orjson.dumps(reference(target, delta, remove_nulls=remove_nulls))
    result = merge(orjson.dumps(target), orjson.dumps(delta), remove_nulls)
    assert result == expected
    assert compact(result) == result


@given(DOCUMENTS | OBJECTS, DOCUMENTS | OBJECTS, st.booleans())
def test_generated_documents_equal_the_reference(target: Any, delta: Any, remove_nulls: bool) -> None:
    assert_equals_reference(target, delta, remove_nulls=remove_nulls)


@given(MANY_NAMES, MANY_NAMES, st.booleans())
def test_objects_of_many_members_equal_the_reference(target: Any, delta: Any, remove_nulls: bool) -> None:
    assert_equals_reference(target, delta, remove_nulls=remove_nulls)
    assert_equals_reference({"o": target, "p": 1}, {"o": delta}, remove_nulls=remove_nulls)


@given(DOCUMENTS | OBJECTS, st.booleans())
def test_merging_into_nothing_equals_merging_into_an_empty_object(delta: Any, remove_nulls: bool) -> None:
    expected = orjson.dumps(reference({}, delta, remove_nulls=remove_nulls))
    assert merge(None, orjson.dumps(delta), remove_nulls) == expected
    assert merge(b"{}", orjson.dumps(delta), remove_nulls) == expected
