"""Any pipeline, in any pieces, against a model. (Any bytes at all: ``test_wire_judge``.)"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.client import Client
from tests.core.conftest import Log

MakeLog = Callable[..., Log]


KEYS = st.sampled_from(["a", "b", "c"])
VERSIONS = st.integers(0, 5)
MEMBERS = st.dictionaries(KEYS, st.none() | st.integers(0, 9))
WRITES = (
    st.fixed_dictionaries(
        {"kind": st.just("set"), "key": KEYS, "value": st.integers(0, 99) | MEMBERS}, optional={"if_version": VERSIONS}
    ),
    st.fixed_dictionaries({"kind": st.just("del"), "key": KEYS}, optional={"if_version": VERSIONS}),
    st.fixed_dictionaries(
        {"kind": st.just("patch"), "key": KEYS, "delta": MEMBERS},
        optional={"if_version": VERSIONS, "remove_nulls": st.booleans()},
    ),
)
CHECKS = (
    st.fixed_dictionaries({"kind": st.just("check"), "key": KEYS, "version": VERSIONS}),
    st.fixed_dictionaries({"kind": st.just("check"), "key": KEYS, "exists": st.booleans()}),
)
OPERATIONS = st.lists(st.one_of(*WRITES, *CHECKS), max_size=4)
FORMS = st.one_of(
    *WRITES,
    st.fixed_dictionaries({"kind": st.just("get"), "key": KEYS}),
    st.fixed_dictionaries({"kind": st.just("get_many"), "keys": st.lists(KEYS, max_size=4)}),
    st.fixed_dictionaries({"kind": st.just("batch"), "ops": OPERATIONS}),
    st.fixed_dictionaries({"kind": st.just("scan")}, optional={"reverse": st.booleans(), "after": KEYS, "start": KEYS}),
    st.fixed_dictionaries({"kind": st.just("count")}),
    st.fixed_dictionaries({"kind": st.just("ping")}),
    st.fixed_dictionaries({"kind": st.sampled_from(["subscribe", "unsubscribe"]), "key": KEYS}),
    st.fixed_dictionaries({"kind": st.sampled_from(["info", "snapshot"])}),
    st.fixed_dictionaries({"kind": st.just("auth"), "password": st.text(max_size=5)}),
)
IDS = st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False)
REQUESTS = st.builds(lambda form, more: form | more, FORMS, st.fixed_dictionaries({}, optional={"id": IDS}))


class Model:
    """The replies that one client must see: a dict, one request at a time."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[Any, int]] = {}
        self.versions: dict[str, int] = {}

    def reply(self, request: dict[str, Any]) -> Any:
        kind, key = request["kind"], request.get("key", "")
        if kind == "get_many":
            return [self.reply({"kind": "get", "key": each}) for each in request["keys"]]
        if kind == "count":
            return len(self.documents)
        if kind == "scan":
            return self.scanned(request)
        if kind == "batch":
            return self.reply_to_batch(request["ops"])
        value, version = self.documents.get(key, (None, 0))
        if kind not in ("get", "set", "del", "patch"):
            return "pong" if kind == "ping" else "python"
        if kind == "get":
            return {"value": value, "version": version} if version else None
        if request.get("if_version", version) != version:
            return "version_conflict"
        if kind == "del" and not version:
            return False
        self.versions[key] = self.versions.get(key, 0) + 1
        if kind == "del":
            del self.documents[key]
        else:
            new = request["value"] if kind == "set" else self.patched(value, request)
            self.documents[key] = (new, self.versions[key])
        return self.versions[key]

    def scanned(self, request: dict[str, Any]) -> list[Any]:
        keys = sorted(self.documents, reverse=request.get("reverse", False))
        after, start = request.get("after"), request.get("start", "")
        if after is not None:
            keys = [key for key in keys if (key < after if request.get("reverse") else key > after)]
        return [(key, *self.documents[key]) for key in keys if key >= start]

    def reply_to_batch(self, operations: list[dict[str, Any]]) -> Any:
        trial = Model()
        trial.documents, trial.versions = dict(self.documents), dict(self.versions)
        replies = [trial.reply_to_check(each) if each["kind"] == "check" else trial.reply(each) for each in operations]
        if "version_conflict" in replies:
            return "version_conflict"
        self.documents, self.versions = trial.documents, trial.versions
        return [None if reply is False else reply for reply in replies]

    def reply_to_check(self, check: dict[str, Any]) -> str | None:
        _, version = self.documents.get(check["key"], (None, 0))
        holds = version == check["version"] if "version" in check else (version > 0) == check["exists"]
        return None if holds else "version_conflict"

    @staticmethod
    def patched(value: Any, request: dict[str, Any]) -> dict[str, Any]:
        merged = {**(value if isinstance(value, dict) else {}), **request["delta"]}
        if request.get("remove_nulls"):
            return {name: member for name, member in merged.items() if request["delta"].get(name, 0) is not None}
        return merged


def summary(reply: dict[str, Any]) -> Any:
    if reply["kind"] == "values":
        return reply["docs"]
    if reply["kind"] == "value":
        return reply["doc"]
    if reply["kind"] == "error":
        return reply["code"]
    if reply["kind"] == "page":
        return [(entry["key"], entry["value"], entry["version"]) for entry in reply["entries"]]
    if reply["kind"] == "count":
        return reply["count"]
    if "versions" in reply:
        return reply["versions"]
    return reply.get("version", reply.get("deleted", reply["kind"]))


@pytest.fixture(scope="module")
def new_log(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Log]:
    return lambda: Log(tmp_path_factory.mktemp("log"), segment_bytes=65536)


@given(requests=st.lists(REQUESTS, max_size=60), piece_bytes=st.integers(1, 400))
@settings(max_examples=60)
def test_any_pipeline_in_any_pieces_is_answered_as_one_at_a_time(
    new_log: Callable[[], Log], requests: list[dict[str, Any]], piece_bytes: int
) -> None:
    log = new_log()
    client, model = Client(log), Model()
    client.feed(b"".join(json.dumps(request).encode() + b"\n" for request in requests), piece_bytes)
    replies = client.settle()
    assert [summary(reply) for reply in replies] == [model.reply(request) for request in requests]
    assert [reply.get("id", "none") for reply in replies] == [request.get("id", "none") for request in requests]
    log.committer.close()
