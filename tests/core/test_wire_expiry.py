"""Documents that expire, on the wire: ttl on writes, touch, and the time in whatever reads them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.core.client import Client
from tests.core.conftest import Log


@pytest.fixture
def client(log: Log) -> Client:
    return Client(log)


def expiry(client: Client, key: str) -> float | None:
    """When the document expires, as every request that reads it says."""
    got, many, page = client.ask(
        {"kind": "get", "key": key}, {"kind": "get_many", "keys": [key]}, {"kind": "scan", "start": key, "limit": 1}
    )
    document = got["doc"]
    assert many["docs"] == [document]
    assert page["entries"] == [{"key": key, **document}]
    found = document.get("expires_at")
    assert found is None or isinstance(found, float)
    return found


def test_each_read_of_a_document_says_when_it_expires(client: Client) -> None:
    before = time.time()
    assert client.ask({"kind": "set", "key": "a", "value": 1, "ttl": 1_000.25})[0]["version"] == 1
    found = expiry(client, "a")
    assert found is not None
    assert before + 1_000.24 <= found <= time.time() + 1_000.26


def test_which_writes_change_the_expiry(client: Client) -> None:
    client.ask({"kind": "set", "key": "a", "value": {}, "ttl": 1_000})
    first = expiry(client, "a")
    assert first is not None
    client.ask(
        {"kind": "patch", "key": "a", "delta": {"x": 1}},
        {"kind": "increment", "key": "a", "path": "/x"},
        {"kind": "set", "key": "a", "value": {}, "keep_ttl": True},
    )
    assert expiry(client, "a") == first
    client.ask({"kind": "patch", "key": "a", "delta": {"x": 1}, "ttl": 5_000})
    assert (expiry(client, "a") or 0) > first + 3_000
    assert client.ask({"kind": "touch", "key": "a", "ttl": 90_000, "id": 1})[0]["version"] == 6
    assert (expiry(client, "a") or 0) > first + 80_000
    client.ask({"kind": "touch", "key": "a", "ttl": None})
    assert expiry(client, "a") is None
    client.ask({"kind": "touch", "key": "a", "ttl": 9})
    client.ask({"kind": "set", "key": "a", "value": 1})
    assert expiry(client, "a") is None


def test_a_touch_of_a_missing_key_says_so(client: Client) -> None:
    assert client.ask({"kind": "touch", "key": "a", "ttl": 1, "id": 1}) == [{"kind": "ok", "touched": False, "id": 1}]


def test_g15_an_expired_document_is_in_no_read_and_no_condition(client: Client) -> None:
    client.ask({"kind": "set", "key": "a", "value": 1, "ttl": 0.001}, {"kind": "set", "key": "b", "value": 1})
    time.sleep(0.03)
    got, many, page, refused, done = client.ask(
        {"kind": "get", "key": "a"},
        {"kind": "get_many", "keys": ["a", "b"]},
        {"kind": "scan"},
        {"kind": "set", "key": "a", "value": 2, "if_version": 1},
        {"kind": "set", "key": "a", "value": 2, "if_version": 0},
    )
    assert (got["doc"], many["docs"][0]) == (None, None)
    assert [entry["key"] for entry in page["entries"]] == ["b"]
    assert (refused["code"], refused["actual"]) == ("version_conflict", 0)
    assert done["version"] > 1


def test_expiry_in_a_batch(client: Client) -> None:
    operations = [
        {"kind": "set", "key": "a", "value": 1, "ttl": 1_000},
        {"kind": "touch", "key": "nothing", "ttl": 5},
        {"kind": "set", "key": "b", "value": 1},
        {"kind": "touch", "key": "b", "ttl": 1_000},
    ]
    assert client.ask({"kind": "batch", "ops": operations})[0]["versions"] == [1, None, 1, 2]
    assert expiry(client, "a") == expiry(client, "b")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"ttl": 0}, "invalid_value"),
        ({"ttl": -1}, "invalid_value"),
        ({"ttl": 1e11}, "invalid_value"),
        ({"ttl": 5, "keep_ttl": True}, "invalid_value"),
        ({"ttl": "5"}, "invalid_request"),
        ({"ttl": [5]}, "invalid_request"),
        ({"keep_ttl": 1}, "invalid_request"),
    ],
)
def test_a_time_that_is_wrong(client: Client, members: dict[str, Any], code: str) -> None:
    refused, read = client.ask({"kind": "set", "key": "a", "value": 1, **members}, {"kind": "get", "key": "a"})
    assert (refused["code"], read["doc"]) == (code, None)


def test_a_touch_needs_a_time(client: Client) -> None:
    refused = client.ask({"kind": "touch", "key": "a"})[0]
    assert (refused["code"], "no member ttl" in refused["message"]) == ("invalid_request", True)
