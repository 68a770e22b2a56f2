"""Reading several documents by one request: at one revision, behind the writes before it, within its bounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.client import Client
from tests.core.conftest import SETTINGS, Log

MakeLog = Callable[..., Log]
KEYS_MAX = SETTINGS["page_documents_max"]


@pytest.fixture
def client(log: Log) -> Client:
    client = Client(log)
    client.ask(
        {"kind": "set", "key": "a", "value": {"x": [1, {"y": None}]}},
        {"kind": "set", "key": 'b"\n', "value": None},
        {"kind": "set", "key": "c", "value": 1},
        {"kind": "del", "key": "c"},
    )
    return client


def test_g13_many_documents_are_read_at_one_revision(client: Client) -> None:
    assert client.ask({"kind": "get_many", "keys": ["a", "c", 'b"\n', "nothing", "a"], "id": 7}) == [
        {
            "kind": "values",
            "docs": [
                {"value": {"x": [1, {"y": None}]}, "version": 1},
                None,
                {"value": None, "version": 1},
                None,
                {"value": {"x": [1, {"y": None}]}, "version": 1},
            ],
            "revision": 4,
            "id": 7,
        }
    ]
    assert client.ask({"kind": "get_many", "keys": []}) == [{"kind": "values", "docs": [], "revision": 4}]


def test_a_part_of_each_document(client: Client) -> None:
    replies = client.ask(
        {"kind": "get_many", "keys": ["a", 'b"\n', "nothing"], "path": "/x/0"},
        {"kind": "get", "key": "a", "path": "/x/1/y", "id": 1},
        {"kind": "get", "key": "a", "path": "/x/2"},
        {"kind": "get", "key": "a", "path": ""},
        {"kind": "get", "key": "a", "path": None},
    )
    assert replies[0]["docs"] == [{"value": 1, "version": 1}, None, None]
    assert replies[1] == {"kind": "value", "doc": {"value": None, "version": 1}, "id": 1}
    assert [reply["doc"] for reply in replies[2:]] == [None, *[{"value": {"x": [1, {"y": None}]}, "version": 1}] * 2]


def test_a_read_of_many_sees_the_writes_before_it_and_none_behind(client: Client) -> None:
    requests: list[Any] = []
    for i in range(50):
        requests += [{"kind": "set", "key": "c", "value": i}, {"kind": "get_many", "keys": ["c"]}]
    replies = client.ask(*requests)
    assert [reply["docs"][0]["value"] for reply in replies[1::2]] == list(range(50))
    assert [reply["revision"] for reply in replies[1::2]] == [reply["revision"] for reply in replies[::2]]


def test_a_get_of_a_part_that_waits_for_a_write_answers_with_that_part(client: Client) -> None:
    client.send({"kind": "set", "key": "a", "value": {"n": 5}}, {"kind": "get", "key": "a", "path": "/n", "id": "i"})
    assert client.output == b""
    assert client.settle()[1] == {"kind": "value", "doc": {"value": 5, "version": 2}, "id": "i"}


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({}, "invalid_request", "no member keys"),
        ({"keys": "a"}, "invalid_request", "keys is of the wrong type"),
        ({"keys": {"a": 1}}, "invalid_request", "keys is of the wrong type"),
        ({"keys": ["a", 1]}, "invalid_request", "keys is of the wrong type"),
        ({"keys": ["a", ""]}, "invalid_key", "empty"),
        ({"keys": ["a", "k" * 65]}, "too_large", "65 bytes is over the limit of 64 (key_bytes_max)"),
        ({"keys": ["a"] * (KEYS_MAX + 1)}, "too_large", f"more than {KEYS_MAX} items (page_documents_max)"),
        ({"keys": ["a"], "path": "x"}, "invalid_value", "JSON Pointer"),
        ({"keys": ["a"], "path": 1}, "invalid_request", "path is of the wrong type"),
    ],
)
def test_what_can_not_be_read_says_why_and_the_stream_goes_on(
    client: Client, members: dict[str, Any], code: str, words: str
) -> None:
    refused, pong = client.ask({"kind": "get_many", "id": 1, **members}, {"kind": "ping"})
    assert (refused["code"], refused["id"]) == (code, 1)
    assert words in refused["message"]
    assert pong == {"kind": "pong"}


def test_documents_of_more_bytes_than_a_page_are_refused(make_log: MakeLog) -> None:
    client = Client(make_log(page_bytes_max=1_000))
    value = "x" * 3_000
    client.ask({"kind": "set", "key": "large", "value": value}, {"kind": "set", "key": "small", "value": 1})
    refused, few = client.ask(
        {"kind": "get_many", "keys": ["nothing", "large"]},
        {"kind": "get_many", "keys": ["small"] * 20},
    )
    assert refused["code"] == "too_large"
    assert "1000 bytes together (page_bytes_max)" in refused["message"]
    assert len(few["docs"]) == 20


def test_keys_of_a_line_that_is_taken_apart_elsewhere(make_log: MakeLog) -> None:
    """It is longer than LARGE_LINE_BYTES: another thread takes it apart."""
    log = make_log(page_documents_max=12_000, key_bytes_max=64)
    client = Client(log, line_bytes_max=1 << 20)
    client.ask({"kind": "set", "key": "key7", "value": 7})
    line = {"kind": "get_many", "keys": [f"key{i}" for i in range(12_000)], "path": "", "id": 3}
    assert len(json.dumps(line)) > 131_072
    reply = client.ask(line)[0]
    assert (len(reply["docs"]), reply["docs"][7], reply["id"]) == (12_000, {"value": 7, "version": 1}, 3)
    assert reply["docs"].count(None) == 11_999
