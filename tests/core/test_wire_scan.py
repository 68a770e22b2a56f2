"""Scans, counts and increments on the wire: in key order, at one revision, behind the requests before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.client import Client
from tests.core.conftest import SETTINGS, Log

MakeLog = Callable[..., Log]
PAGE_MAX = SETTINGS["page_documents_max"]
KEYS = ["a", "b", "b\n", 'b"', "b:1", "b:10", "b:2", "c", "\u00e9", "\uffff", "\U0001f600"]  # by code point


@pytest.fixture
def client(log: Log) -> Client:
    client = Client(log)
    client.ask(*({"kind": "set", "key": key, "value": {"of": key}} for key in reversed(KEYS)))
    return client


def entries(client: Client, **members: Any) -> list[str]:
    page = client.ask({"kind": "scan", **members})[0]
    assert page["kind"] == "page"
    assert all(set(entry) == {"key"} or entry["value"] == {"of": entry["key"]} for entry in page["entries"])
    return [entry["key"] for entry in page["entries"]]


def test_a_page_names_its_revision_and_says_whether_there_is_more(client: Client) -> None:
    first, last = client.ask(
        {"kind": "scan", "prefix": "b:", "limit": 2, "id": 1},
        {"kind": "scan", "prefix": "b:", "limit": 2, "after": "b:10", "id": 2},
    )
    documents = [{"key": key, "value": {"of": key}, "version": 1} for key in ("b:1", "b:10", "b:2")]
    assert first == {"kind": "page", "entries": documents[:2], "more": True, "revision": len(KEYS), "id": 1}
    assert last == {"kind": "page", "entries": documents[2:], "more": False, "revision": len(KEYS), "id": 2}


def test_keys_come_in_the_order_of_their_code_points(client: Client) -> None:
    assert entries(client) == KEYS
    assert entries(client, reverse=True) == KEYS[::-1]
    assert entries(client, keys_only=True) == KEYS


@pytest.mark.parametrize(
    ("members", "keys"),
    [
        ({"prefix": "b"}, ["b", "b\n", 'b"', "b:1", "b:10", "b:2"]),
        ({"prefix": "x"}, []),
        ({"start": "b:1", "end": "c"}, ["b:1", "b:10", "b:2"]),
        ({"start": "b:1", "end": "c", "reverse": True}, ["b:2", "b:10", "b:1"]),
        ({"start": None, "end": None, "after": "c", "prefix": None, "limit": None}, KEYS[8:]),
        ({"prefix": "b", "after": "b:10", "reverse": True}, ["b:1", 'b"', "b\n", "b"]),
        ({"end": ""}, []),
        ({"start": "", "limit": 1}, ["a"]),
    ],
)
def test_a_range(client: Client, members: dict[str, Any], keys: list[str]) -> None:
    assert entries(client, **members) == keys


def test_g13_all_pages_together_are_the_range(make_log: MakeLog) -> None:
    client = Client(make_log(page_bytes_max=500))
    keys = [f"k{i:03}" for i in range(90)]
    client.ask(*({"kind": "set", "key": key, "value": {"of": key}} for key in keys))
    for members in ({}, {"limit": 7}, {"reverse": True}, {"keys_only": True}):
        found: list[str] = []
        pages = 0
        while True:
            page = client.ask({"kind": "scan", **members, **({"after": found[-1]} if found else {})})[0]
            assert len(page["entries"]) <= members.get("limit", PAGE_MAX)
            found += [entry["key"] for entry in page["entries"]]
            pages += 1
            if not page["more"]:
                break
            assert page["entries"]
        assert found == (keys[::-1] if members.get("reverse") else keys)
        assert pages > 90 // PAGE_MAX


def test_a_document_that_is_larger_than_a_page_travels_alone(make_log: MakeLog) -> None:
    client = Client(make_log(page_bytes_max=500))
    values = {"a": "x", "b": "y" * 3_000, "c": "z"}
    client.ask(*({"kind": "set", "key": key, "value": value} for key, value in values.items()))
    first = client.ask({"kind": "scan"})[0]
    second = client.ask({"kind": "scan", "after": "a"})[0]
    assert [entry["key"] for entry in first["entries"]] == ["a"]
    assert second["entries"] == [{"key": "b", "value": values["b"], "version": 1}]
    assert (first["more"], second["more"]) == (True, True)


def test_a_scan_and_a_count_see_the_writes_before_them_and_none_behind(client: Client) -> None:
    requests: list[Any] = []
    for i in range(40):
        requests += [
            {"kind": "set", "key": f"new{i:02}", "value": i},
            {"kind": "scan", "prefix": "new", "reverse": True, "limit": 1},
            {"kind": "count", "prefix": "new"},
            {"kind": "del", "key": f"new{i - 1:02}"},
        ]
    replies = client.ask(*requests)
    for i in range(40):
        written, page, count, _ = replies[4 * i : 4 * i + 4]
        assert page["entries"] == [{"key": f"new{i:02}", "value": i, "version": 1}]
        assert page["revision"] == written["revision"] == count["revision"]
        assert count["count"] == (2 if i else 1)


def test_counts(client: Client) -> None:
    replies = client.ask(
        {"kind": "count"}, {"kind": "count", "prefix": "b:", "id": 1}, {"kind": "count", "prefix": "x"}
    )
    assert [reply["count"] for reply in replies] == [len(KEYS), 3, 0]
    assert replies[1] == {"kind": "count", "count": 3, "revision": len(KEYS), "id": 1}


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({"prefix": 1}, "invalid_request", "prefix"),
        ({"start": []}, "invalid_request", "start"),
        ({"reverse": 1}, "invalid_request", "reverse"),
        ({"keys_only": "yes"}, "invalid_request", "keys_only"),
        ({"limit": 0}, "invalid_value", "from 1"),
        ({"limit": -1}, "invalid_request", "limit"),
        ({"limit": 1.5}, "invalid_request", "limit"),
    ],
)
def test_a_range_that_is_wrong(client: Client, members: dict[str, Any], code: str, words: str) -> None:
    refused, pong = client.ask({"kind": "scan", "id": 1, **members}, {"kind": "ping"})
    assert (refused["code"], refused["id"], words in refused["message"]) == (code, 1, True)
    assert pong == {"kind": "pong"}


def test_increments(client: Client) -> None:
    replies = client.ask(
        {"kind": "increment", "key": "n", "id": 1},
        {"kind": "increment", "key": "n", "by": -3},
        {"kind": "increment", "key": "m", "path": "/x/y", "by": 2**63 - 1},
        {"kind": "get", "key": "m"},
        {"kind": "increment", "key": "n", "if_version": 9},
        {"kind": "increment", "key": "a", "path": "/of"},
        {"kind": "increment", "key": "m", "path": "/x/y", "by": 1},
        {"kind": "increment", "key": "m", "path": "x"},
        {"kind": "increment", "key": "m", "by": 1.0},
    )
    revision = len(KEYS)
    assert replies[:4] == [
        {"kind": "ok", "value": 1, "version": 1, "revision": revision + 1, "id": 1},
        {"kind": "ok", "value": -2, "version": 2, "revision": revision + 2},
        {"kind": "ok", "value": 2**63 - 1, "version": 1, "revision": revision + 3},
        {"kind": "value", "doc": {"value": {"x": {"y": 2**63 - 1}}, "version": 1}},
    ]
    codes = ["version_conflict", "invalid_value", "too_large", "invalid_value", "invalid_request"]
    assert [reply["code"] for reply in replies[4:]] == codes
    both = [{"kind": "increment", "key": "n"}, {"kind": "increment", "key": "n", "by": 10}]
    assert client.ask({"kind": "batch", "ops": both}, {"kind": "get", "key": "n"})[1]["doc"]["value"] == 9
