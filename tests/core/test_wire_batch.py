"""A batch on the wire: all of it or nothing, behind the requests before it, and every condition that does not hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.client import Client
from tests.core.conftest import SETTINGS, Log

MakeLog = Callable[..., Log]
OPERATIONS_MAX = SETTINGS["batch_operations_max"]


@pytest.fixture
def client(log: Log) -> Client:
    client = Client(log)
    client.ask({"kind": "set", "key": "a", "value": {"n": 1}}, {"kind": "set", "key": "b", "value": 1})
    return client


def batch(*operations: Any, **members: Any) -> dict[str, Any]:
    return {"kind": "batch", "ops": list(operations), **members}


def values(client: Client, *keys: str) -> list[Any]:
    return [doc and doc["value"] for doc in client.ask({"kind": "get_many", "keys": keys})[0]["docs"]]


def test_g4_a_batch_takes_effect_as_a_whole_with_consecutive_revisions(client: Client) -> None:
    reply = client.ask(
        batch(
            {"kind": "check", "key": "a", "version": 1},
            {"kind": "set", "key": "c", "value": [1.50, None]},
            {"kind": "patch", "key": "a", "delta": {"m": None}},
            {"kind": "patch", "key": "a", "delta": {"n": None}, "remove_nulls": True, "if_version": 2},
            {"kind": "del", "key": "b"},
            {"kind": "delete", "key": "nothing"},
            {"kind": "check", "key": "c", "exists": True},
            {"kind": "check", "key": "nothing", "exists": False},
            id="x",
        )
    )
    assert reply == [{"kind": "ok", "versions": [None, 1, 2, 3, 2, None, None, None], "revision": 6, "id": "x"}]
    assert values(client, "a", "b", "c") == [{"m": None}, None, [1.5, None]]


def test_g4_a_batch_with_a_condition_that_does_not_hold_leaves_nothing(client: Client) -> None:
    """And names each of them. The first batch is refused at once, the second rests on a write that is not durable."""
    operations = [
        {"kind": "set", "key": "c", "value": 1},
        {"kind": "check", "key": "a", "version": 7},
        {"kind": "set", "key": "b", "value": 2, "if_version": 9},
        {"kind": "check", "key": 'n"\n', "exists": True},
    ]
    conflicts = [
        {"index": 1, "key": "a", "expected": 7, "actual": 1},
        {"index": 2, "key": "b", "expected": 9, "actual": 1},
        {"index": 3, "key": 'n"\n', "expected": None, "actual": 0},
    ]
    refused = client.ask(batch(*operations, id=5))[0]
    assert (refused["kind"], refused["code"], refused["id"]) == ("error", "version_conflict", 5)
    assert "expected 7, the key is at 1; 2 more conditions" in refused["message"]
    assert refused["conflicts"] == conflicts
    assert {name: refused[name] for name in conflicts[0]} == conflicts[0]
    conflicts[0]["actual"] = 2
    late, read = client.ask(
        {"kind": "set", "key": "a", "value": 0}, batch(*operations, id=6), {"kind": "get", "key": "c"}
    )[1:]
    assert (late["code"], late["conflicts"], late["id"]) == ("version_conflict", conflicts, 6)
    assert read["doc"] is None
    assert client.hub.counts["batch"] == (0, 2)


def test_a_batch_sees_what_is_before_it_and_nothing_behind_it_is_seen_before(client: Client) -> None:
    requests: list[Any] = []
    for i in range(40):
        requests.append({"kind": "set", "key": "c", "value": i})
        requests.append({"kind": "get", "key": "c", "id": "before"})
        requests.append(
            batch({"kind": "patch", "key": "c", "delta": {"i": i}}, {"kind": "set", "key": f"d{i}", "value": i})
        )
        requests += [{"kind": "get", "key": "c"}, {"kind": "get_many", "keys": [f"d{i}", "c"]}]
    replies = client.ask(*requests)
    for i in range(40):
        written, before, both, after, many = replies[5 * i : 5 * i + 5]
        assert before["doc"] == {"value": i, "version": written["version"]}
        assert both["versions"] == [written["version"] + 1, 1]
        assert after["doc"]["value"] == {"i": i}
        assert (many["docs"][0]["value"], many["revision"]) == (i, both["revision"])


def test_a_batch_of_nothing_and_one_of_conditions_alone_write_nothing(client: Client) -> None:
    replies = client.ask(
        batch(), batch({"kind": "check", "key": "a", "version": 1}), {"kind": "set", "key": "z", "value": 1}
    )
    assert replies == [
        {"kind": "ok", "versions": [], "revision": 2},
        {"kind": "ok", "versions": [None], "revision": 2},
        {"kind": "ok", "version": 1, "revision": 3},
    ]


@pytest.mark.parametrize(
    ("operation", "code", "words"),
    [
        (1, "invalid_request", "JSON object"),
        ({"key": "a"}, "invalid_request", "no member kind"),
        ({"kind": "get", "key": "a"}, "invalid_request", "operation"),
        ({"kind": "batch", "ops": []}, "invalid_request", "operation"),
        ({"kind": "what"}, "invalid_request", "kind"),
        ({"kind": "set", "key": "a"}, "invalid_request", "no member value"),
        ({"kind": "set", "key": "", "value": 1}, "invalid_key", "empty"),
        ({"kind": "set", "key": "k" * 65, "value": 1}, "too_large", "key_bytes_max"),
        ({"kind": "set", "key": "a", "value": "x" * 5_000}, "too_large", "value_bytes_max"),
        ({"kind": "set", "key": "a", "value": 1, "if_version": -1}, "invalid_request", "if_version"),
        ({"kind": "check", "key": "a"}, "invalid_request", "no member version"),
        ({"kind": "check", "key": "a", "version": "1"}, "invalid_request", "version is of the wrong type"),
        ({"kind": "check", "key": "a", "exists": 1}, "invalid_request", "exists is of the wrong type"),
        ({"kind": "check", "key": "a", "version": 3, "exists": False}, "invalid_request", "exists is of the wrong"),
    ],
)  # fmt: skip
def test_a_batch_with_an_operation_that_is_wrong_says_which(
    client: Client, operation: Any, code: str, words: str
) -> None:
    good = {"kind": "set", "key": "good", "value": 1}
    refused, read = client.ask(batch(good, operation, good, id=3), {"kind": "get", "key": "good"})
    assert (refused["code"], refused["index"], refused["id"]) == (code, 1, 3)
    assert words in refused["message"]
    assert read["doc"] is None


@pytest.mark.parametrize("members", [{}, {"ops": None}, {"ops": {}}, {"ops": "x"}])
def test_a_batch_has_a_list_of_operations(client: Client, members: dict[str, Any]) -> None:
    refused = client.ask({"kind": "batch", **members})[0]
    assert refused["code"] == "invalid_request"
    assert "ops" in refused["message"]


def test_a_check_is_no_request_of_its_own(client: Client) -> None:
    refused = client.ask({"kind": "check", "key": "a", "version": 1})[0]
    assert (refused["code"], "kind is none of" in refused["message"]) == ("invalid_request", True)


def test_what_is_too_much_for_a_batch(make_log: MakeLog) -> None:
    client = Client(make_log(batch_operations_max=3, batch_bytes_max=1_000))
    operation = {"kind": "set", "key": "a", "value": "x" * 400}
    many, large, good = client.ask(batch(*[operation] * 4), batch(*[operation] * 3), batch(*[operation] * 2))
    assert (many["code"], "more than 3 items (batch_operations_max)" in many["message"]) == ("too_large", True)
    assert (large["code"], "batch_bytes_max" in large["message"]) == ("too_large", True)
    assert good["versions"] == [1, 2]


def test_increments(client: Client) -> None:
    replies = client.ask(
        {"kind": "increment", "key": "i", "id": 1},
        {"kind": "increment", "key": "i", "by": -3},
        {"kind": "increment", "key": "j", "path": "/x/y", "by": 2**63 - 1},
        {"kind": "get", "key": "j"},
        {"kind": "increment", "key": "i", "if_version": 9},
        {"kind": "increment", "key": "a", "path": "/n/x"},
        {"kind": "increment", "key": "j", "path": "/x/y", "by": 1},
        {"kind": "increment", "key": "j", "path": "x"},
        {"kind": "increment", "key": "j", "by": 1.0},
    )
    assert replies[:4] == [
        {"kind": "ok", "value": 1, "version": 1, "revision": 3, "id": 1},
        {"kind": "ok", "value": -2, "version": 2, "revision": 4},
        {"kind": "ok", "value": 2**63 - 1, "version": 1, "revision": 5},
        {"kind": "value", "doc": {"value": {"x": {"y": 2**63 - 1}}, "version": 1}},
    ]
    codes = ["version_conflict", "invalid_value", "too_large", "invalid_value", "invalid_request"]
    assert [reply["code"] for reply in replies[4:]] == codes
    both = batch({"kind": "increment", "key": "i"}, {"kind": "increment", "key": "i", "by": 10})
    assert client.ask(both, {"kind": "get", "key": "i"})[1]["doc"]["value"] == 9


def test_a_value_in_a_batch_may_be_as_deep_as_any(client: Client) -> None:
    deep: Any = 1
    for _ in range(SETTINGS["depth_max"]):
        deep = [deep]
    good, refused, other = client.ask(
        batch({"kind": "set", "key": "a", "value": deep}),
        batch({"kind": "set", "key": "a", "value": [deep]}, id=1),
        {"kind": "set", "key": "a", "value": [deep], "id": 2},
    )
    assert good["versions"] == [2]
    assert [(reply["code"], reply["id"]) for reply in (refused, other)] == [("too_large", 1), ("too_large", 2)]


def test_a_large_batch_is_taken_apart_elsewhere(make_log: MakeLog) -> None:
    """It is longer than LARGE_LINE_BYTES: another thread prepares its writes."""
    client = Client(make_log(batch_operations_max=1_000), line_bytes_max=1 << 20)
    operations = [{"kind": "set", "key": f"k{i}", "value": "x" * 200} for i in range(800)]
    assert len(json.dumps(batch(*operations))) > 131_072
    wrong = {"kind": "set", "key": "", "value": 1}
    conflict = {"kind": "check", "key": "k7", "version": 5}
    done, refused, lost, read = client.ask(
        batch(*operations, id=1),
        batch(*operations, wrong, id=2),
        batch(*operations, conflict, id=3),
        {"kind": "get", "key": "k799"},
    )
    assert (done["versions"], done["id"]) == ([1] * 800, 1)
    assert (refused["code"], refused["index"], refused["id"]) == ("invalid_key", 800, 2)
    assert (lost["code"], lost["index"], lost["id"]) == ("version_conflict", 800, 3)
    assert read["doc"] == {"value": "x" * 200, "version": 1}


def test_a_batch_that_writes_nothing_names_a_revision_that_is_not_behind_the_writes_before_it(client: Client) -> None:
    condition = {"kind": "check", "key": "b", "version": 1}
    requests = [{"kind": "set", "key": "a", "value": 0}, batch(condition), batch({"kind": "del", "key": "nothing"})]
    assert [reply["revision"] for reply in client.ask(*requests)] == [3, 3, 3]
