"""Canonical text cut into its parts: what is put together again is what was cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxdb._core.json.cut import cut_items, cut_members
from fluxdb._core.json.text import compact
from fluxdb.values import encode

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(-1e300, 1e300) | NAMES,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(NAMES, values, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_an_object_is_cut_into_the_texts_of_its_members(value: dict[str, object]) -> None:
    members = {name: encode(member) for name, member in value.items()}
    assert cut_members(encode(value)) == members
    assert list(cut_members(encode(value))) == list(members)


@given(st.lists(VALUES, max_size=6))
def test_an_array_is_cut_into_the_texts_of_its_items(value: list[object]) -> None:
    assert cut_items(encode(value)) == [encode(item) for item in value]


def test_a_number_keeps_its_spelling() -> None:
    assert cut_members(compact(b' {"a" : 1.50E2, "b":[0.10]}')) == {"a": b"1.50E2", "b": b"[0.10]"}


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"1", b"{1}", b'{"a"', b'{"a"}', b'{"a":', b'{"a":1'])
def test_what_is_no_object_is_not_cut(text: bytes) -> None:
    with pytest.raises(ValueError, match="not the"):
        cut_members(text)


@pytest.mark.parametrize("text", [b"", b"[", b"{}", b"1", b"[1", b"[,]", b'["a]'])
def test_what_is_no_array_is_not_cut(text: bytes) -> None:
    with pytest.raises(ValueError, match="not the"):
        cut_items(text)
