"""Errors and events as JSON: one form everywhere."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fluxdb._core.serve.messages import error_members, error_text, event_members
from fluxdb.errors import LimitError, PoisonedError, VersionConflictError
from fluxdb.model import Kind
from tests.core.client import Client
from tests.core.conftest import Log

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def parsed(members: bytes) -> dict[str, object]:
    found = json.loads(b"{%b}" % members)
    assert isinstance(found, dict)
    return found


@given(key=TEXTS)
@example(key="".join(map(chr, range(256))))
@example(key="x" * 16 + "\u00e9" + 'y"' * 20)
def test_any_key_of_an_event_is_spelled_as_values_are(key: str) -> None:
    members = event_members((Kind.SET, key, None, b"1", 1, 1, 1))
    assert members.startswith(b'"key":' + orjson.dumps(key) + b',"old":null,"new":1,')


def test_an_event_says_all_that_happened() -> None:
    largest = 2**63 - 1
    assert parsed(event_members((Kind.PATCH, "k", b'{"x":1}', b"null", largest, largest, largest))) == {
        "key": "k", "old": {"x": 1}, "new": None, "version": largest, "op": "patch", "revision": largest,
    }  # fmt: skip
    assert parsed(event_members((Kind.DELETE, "k", b"1", None, 2, 3, 3)))["new"] is None
    assert parsed(event_members((Kind.INCREMENT, "k", None, b"1", 2, 3, 5)))["commit"] == 5, "the last of its batch"


@pytest.mark.parametrize("event", [(Kind.SET, "\ud800", None, b"1", 1, 1, 1), (99, "k", None, b"1", 1, 1, 1), (1, "k")])
def test_what_is_no_event_raises(event: tuple[object, ...]) -> None:
    with pytest.raises((ValueError, KeyError)):
        event_members(event)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("problem", "members"),
    [
        (LimitError("too much"), {"code": "too_large", "message": "too much"}),
        (PoisonedError("gone", maybe_applied=True), {"code": "poisoned", "message": "gone", "maybe_applied": True}),
        (MemoryError(), {"code": "no_memory", "message": "no memory for the request"}),
        (KeyError("secret"), {"code": "error", "message": "unexpected KeyError: the server's log tells more"}),
    ],
)
def test_an_error_says_what_it_holds(problem: BaseException, members: dict[str, object]) -> None:
    assert parsed(error_members(problem)) == members


def test_an_error_of_any_text() -> None:
    assert parsed(error_text("c", 'a "b"\n')) == {"code": "c", "message": 'a "b"\n'}


def test_the_server_and_the_page_tell_the_same_conflict(log: Log) -> None:
    client = Client(log)
    reply = client.ask({"kind": "set", "key": "a", "value": 1, "if_version": 7, "id": "x"})[0]
    conflict = parsed(error_members(VersionConflictError("a", 7, 0)))
    assert reply == {"kind": "error", **conflict, "message": reply["message"], "id": "x"}
    assert "expected 7" in reply["message"]
