"""GET with a path: one part of a document, by JSON Pointer (RFC 6901)."""

from __future__ import annotations

from typing import Any

import pytest

from fluxdb import Document, InvalidValueError
from tests.contract.engines import Store

VALUE = {"name": "v", "address": {"city": "Köln", "": 0}, "tags": ["a", {"b": None}], "a/b": 1, "m~n": 2, "\n": 3}


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("", VALUE),
        ("/name", "v"),
        ("/address/city", "Köln"),
        ("/address/", 0),
        ("/tags/0", "a"),
        ("/tags/1/b", None),
        ("/a~1b", 1),
        ("/m~0n", 2),
        ("/\n", 3),
    ],
)
def test_a_part_comes_with_the_documents_version(db: Store, path: str, part: Any) -> None:
    db.set("k", 0)
    db.set("k", VALUE)
    assert db.get("k", path) == Document(part, 2)


@pytest.mark.parametrize("path", ["/nope", "/name/0", "/tags/2", "/tags/-", "/tags/01", "/address/city/0"])
def test_a_missing_part_is_none(db: Store, path: str) -> None:
    db.set("k", VALUE)
    assert db.get("k", path) is None


def test_a_part_of_a_missing_document_is_none(db: Store) -> None:
    assert db.get("nobody", "/a") is None


@pytest.mark.parametrize("path", ["a", "/~2", "/a~"])
def test_what_is_no_pointer_is_an_error(db: Store, path: str) -> None:
    db.set("k", VALUE)
    with pytest.raises(InvalidValueError, match="JSON Pointer"):
        db.get("k", path)


def test_a_part_of_a_large_document(db: Store) -> None:
    db.set("k", {"filler": ["x" * 1_000] * 200, "end": {"n": 7}})
    assert db.get("k", "/end/n") == Document(7, 1)
    assert db.get("k", "/filler/199") == Document("x" * 1_000, 1)
