"""Requests in whatever pieces, replies in their order: the protocol of the server without a socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fluxdb.model import Kind
from tests.core.client import Client
from tests.core.conftest import Log

MakeLog = Callable[..., Log]

# The bytes that a proxy puts before a client's, in version 1 and 2.
PROXIES = [
    b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 7000\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes(range(192, 204)),
]
NUMBERS = [(text.encode(), text) for text in ("18446744073709551616", "-9223372036854775809", "1e999")]


@pytest.fixture
def client(log: Log) -> Client:
    return Client(log)


def test_the_forms_of_the_contract(client: Client) -> None:
    replies = client.ask(
        {"kind": "get", "key": "a"},
        {"kind": "set", "key": "a", "value": 1},
        {"kind": "get", "key": "a"},
        {"kind": "patch", "key": "a", "delta": {"x": 1}},
        {"kind": "get", "key": "a"},
        {"kind": "del", "key": "a"},
        {"kind": "del", "key": "a"},
        {"kind": "get", "key": "a"},
        {"kind": "ping"},
    )
    assert replies == [
        {"kind": "value", "doc": None},
        {"kind": "ok", "version": 1, "revision": 1},
        {"kind": "value", "doc": {"value": 1, "version": 1}},
        {"kind": "ok", "version": 2, "revision": 2},
        {"kind": "value", "doc": {"value": {"x": 1}, "version": 2}},
        {"kind": "ok", "version": 3, "revision": 3},
        {"kind": "ok", "deleted": False},
        {"kind": "value", "doc": None},
        {"kind": "pong"},
    ]


def test_g1_a_write_is_not_answered_before_it_is_durable(client: Client) -> None:
    client.send({"kind": "set", "key": "a", "value": 1}, {"kind": "get", "key": "b"})
    # Nothing of this loop was collected yet: the reply is held, and that of the GET behind it, too.
    assert client.output == b""
    assert [reply["kind"] for reply in client.settle()] == ["ok", "value"]


def test_each_request_sees_those_before_it_and_none_behind(client: Client) -> None:
    requests: list[Any] = []
    for i in range(200):
        requests += [{"kind": "set", "key": f"k{i % 3}", "value": i}, {"kind": "get", "key": f"k{i % 3}"}]
    replies = client.ask(*requests)
    assert [reply["doc"]["value"] for reply in replies[1::2]] == list(range(200))


def test_ids_come_back_in_every_kind_of_reply(client: Client) -> None:
    requests: list[dict[str, Any]] = [
        {"kind": "set", "key": "a", "value": 1, "id": 1},
        {"kind": "get", "key": "a", "id": "two"},
        {"kind": "set", "key": "a", "value": 1, "if_version": 9, "id": 3.5},
        {"kind": "del", "key": "nothing", "id": -4},
        {"kind": "what", "id": "5\n"},
        {"kind": "get", "key": 7, "id": 6},
        {"kind": "ping", "id": 7},
        {"kind": "info", "id": 8},
        {"kind": "set", "key": "", "value": 1, "id": 9},
        {"kind": "get", "key": "a", "id": 10},
    ]
    replies = client.ask(*requests)
    assert [reply["id"] for reply in replies] == [request["id"] for request in requests]
    assert [reply["kind"] for reply in replies] == [
        "ok", "value", "error", "ok", "error", "error", "pong", "python", "error", "value",
    ]  # fmt: skip
    assert replies[2]["code"] == "version_conflict"
    assert replies[8]["code"] == "invalid_key"


def test_if_version_and_remove_nulls(client: Client) -> None:
    replies = client.ask(
        {"kind": "set", "key": "a", "value": {"x": 1}, "if_version": 0},
        {"kind": "patch", "key": "a", "delta": {"x": None, "y": None}, "remove_nulls": True},
        {"kind": "get", "key": "a"},
        {"kind": "patch", "key": "a", "delta": {"x": None}, "remove_nulls": False, "if_version": 2},
        {"kind": "get", "key": "a"},
        {"kind": "del", "key": "a", "if_version": 2},
    )
    assert replies[2]["doc"]["value"] == {}
    assert replies[4]["doc"]["value"] == {"x": None}
    assert replies[5]["code"] == "version_conflict"


def test_what_is_handed_to_python_waits_for_the_writes_before_it(client: Client) -> None:
    client.send({"kind": "set", "key": "a", "value": 1}, {"kind": "snapshot"}, {"kind": "subscribe", "key": "a"})
    assert client.handed == []
    assert [reply["kind"] for reply in client.settle()] == ["ok", "python", "python"]
    assert client.handed == [("snapshot", None), ("subscribe", "a")]


def test_events_come_behind_the_replies_so_far(client: Client) -> None:
    client.send({"kind": "set", "key": "a", "value": 1})
    client.connection.push(b'{"kind":"event"}\n')
    client.send({"kind": "get", "key": "z"})
    assert [reply["kind"] for reply in client.settle()] == ["ok", "event", "value"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "invalid_request"),
        (b"[]", "invalid_request"),
        (b'"x"', "invalid_request"),
        (b"{}", "invalid_request"),
        (b'{"kind":1}', "invalid_request"),
        (b'{"kind":"get"}', "invalid_request"),
        (b'{"kind":"set","key":"a"}', "invalid_request"),
        (b'{"kind":"patch","key":"a","value":1}', "invalid_request"),
        (b'{"kind":"get","key":null}', "invalid_request"),
        (b'{"kind":"get","key":"a","id":[1]}', "invalid_request"),
        (b'{"kind":"set","key":"a","value":1,"if_version":-1}', "invalid_request"),
        (b'{"kind":"set","key":"a","value":1,"if_version":1.0}', "invalid_request"),
        (b'{"kind":"set","key":"a","value":1,"if_version":9223372036854775808}', "invalid_request"),
        (b'{"kind":"patch","key":"a","delta":1,"remove_nulls":1}', "invalid_request"),
        (b'{"kind":"set","key":"a","value":NaN}', "invalid_request"),
        (b'{"kind":"set","key":"a","value":"\xff"}', "invalid_request"),
        (b'{"kind":"set","key":"a","value":"\\ud800"}', "invalid_request"),
        (b'{"kind":"set","key":"a","value":123456789012345678901}', "invalid_request"),
        (b'\xef\xbb\xbf{"kind":"ping"}', "invalid_request"),
        (b'{"kind":"ping"}\x00', "invalid_request"),
        (b'{"kind":"set","key":"a","value":' + b"[" * 17 + b"]" * 17 + b"}", "too_large"),
        (b'{"kind":"set","key":"a","value":' + b"[" * 4000, "too_large"),
        (b'{"kind":"set","key":"' + b"k" * 65 + b'","value":1}', "too_large"),
        (b'{"kind":"set","key":"a","value":"' + b"x" * 5000 + b'"}', "too_large"),
        (b"x" * 10_001, "too_large"),
        (b"GET a", "invalid_request"),
    ],
)
@pytest.mark.parametrize("piece_bytes", [1, 7, 1 << 20])
def test_g11_what_is_wrong_is_told_and_the_stream_goes_on(
    client: Client, line: bytes, code: str, piece_bytes: int
) -> None:
    client.feed(line + b'\n{"kind":"ping"}\n', piece_bytes)
    replies = client.settle()
    assert [reply["kind"] for reply in replies] == ["error", "pong"]
    assert replies[0]["code"] == code
    assert replies[0]["message"]


@pytest.mark.parametrize("nested", [b"[" * 16 + b"]" * 16, b"null"])
def test_what_is_just_within_a_limit_is_taken(client: Client, nested: bytes) -> None:
    client.feed(b'{"kind":"set","key":"' + b"k" * 64 + b'","value":' + nested + b"}\r\n\r\n\n")
    assert client.settle() == [{"kind": "ok", "version": 1, "revision": 1}]


@pytest.mark.parametrize("piece_bytes", [1, 5, 1 << 20])
@pytest.mark.parametrize(
    "beginning",
    [
        b"POST /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"patch / HTTP/1.1\r\nHost: localhost\r\n\r\n",  # what a page calls a method is sent as it is
        b"patch /" + b"x" * 20_000 + b" HTTP/1.1\r\n",
        b"M-SEARCH * HTTP/1.1\r\n",
        b"v1.~^ / HTTP/1.1\r\n",
        b"\r\n\nPOST / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        *PROXIES,
    ],
)
def test_nothing_behind_another_protocol_is_executed(client: Client, beginning: bytes, piece_bytes: int) -> None:
    client.feed(beginning + b'\n{"kind":"set","key":"a","value":1}\n', piece_bytes)
    replies = client.settle()
    assert client.connection.ended
    assert [reply["kind"] for reply in replies] == ["error"]
    assert client.ask({"kind": "ping"}) == []


@pytest.mark.parametrize(
    "value", [b"18446744073709551616", b"1e999", b'"\\ud800"', b"[" * 200 + b"]" * 200, b'{"id":1e999,"x":[{"id":2}]}']
)
@pytest.mark.parametrize(
    ("id_text", "wanted"),
    [(b"7", 7), (b'"\\u00e9 \\" }"', 'é " }'), (b"-1.5e3", -1500.0), (b"[1]", None), *NUMBERS],
)
def test_what_holds_a_value_that_can_not_be_kept_is_refused_with_its_id(
    client: Client, value: bytes, id_text: bytes, wanted: object
) -> None:
    members = [b'"kind": "set"', b'"key": "\\"id\\":9"', b'"value": %b' % value, b'"id": 1', b'"id" : %b ' % id_text]
    client.feed(b"{%b}\n{%b}\n" % (b", ".join(members), b",".join([members[4], *members[:3]])))
    for reply in client.settle():
        assert (reply["kind"], reply["code"]) in {("error", "invalid_request"), ("error", "too_large")}
        assert reply.get("id") == wanted


@pytest.mark.parametrize("beginning", PROXIES)
def test_a_proxy_that_speaks_its_protocol_first_is_told_so_in_words(client: Client, beginning: bytes) -> None:
    client.feed(beginning + b'\n{"kind":"set","key":"a","value":1}\n')
    (reply,) = client.settle()
    assert "this port does not speak the PROXY protocol" in reply["message"]
    assert client.connection.ended


@pytest.mark.parametrize(("id_text", "wanted"), NUMBERS)
def test_an_id_that_is_a_number_out_of_range_comes_back_as_its_text(
    client: Client, id_text: bytes, wanted: str
) -> None:
    client.feed(b'{"kind":"get","key":"a","id":%b}\n' % id_text)
    (reply,) = client.settle()
    assert (reply["code"], reply["id"]) == ("invalid_request", wanted)
    assert "a number that can't be kept exactly" in reply["message"]


@pytest.mark.guarantee(11)
@pytest.mark.parametrize("key_bytes", [65, 9_000])
def test_g11_every_command_with_a_key_over_the_limit_is_rejected_with_the_limit(client: Client, key_bytes: int) -> None:
    kinds = ("get", "set", "patch", "del", "subscribe", "unsubscribe")
    replies = client.ask(
        {"kind": "set", "key": "a", "value": 1},
        *[{"kind": kind, "key": "k" * key_bytes, "value": 1, "delta": 1, "id": kind} for kind in kinds],
    )
    assert [reply.get("id") for reply in replies] == [None, *kinds]
    for reply in replies[1:]:
        assert reply["code"] == "too_large"
        assert reply["message"] == f"a key of {key_bytes} bytes is over the limit of 64 (key_bytes_max)"
    assert client.handed == []


@pytest.mark.parametrize(
    "line",
    [b"hello", b"PROXY", b"\0hello", b"hello there", b"GET", b"x" * 11_000, b'"GET / HTTP/1.1"', b"\xff / HTTP/1.1"],
)
def test_a_first_line_of_no_protocol_is_only_a_bad_line(client: Client, line: bytes) -> None:
    client.feed(line + b'\n{"kind":"ping"}\n')
    assert [reply["kind"] for reply in client.settle()] == ["error", "pong"]


def test_an_http_request_later_on_is_only_a_bad_line(client: Client) -> None:
    client.feed(b'{"kind":"ping"}\nGET / HTTP/1.1\n{"kind":"ping"}\n')
    assert [reply["kind"] for reply in client.settle()] == ["pong", "error", "pong"]


@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe"])
def test_a_write_behind_a_subscription_waits_until_that_has_begun_or_ended(client: Client, kind: str) -> None:
    client.connection.feed(b'{"kind":"%b","key":"a"}\n{"kind":"set","key":"a","value":1}\n' % kind.encode())
    request = client.connection.next_request()
    assert request is not None
    assert client.connection.next_request() is None
    assert (client.connection.stalled, client.connection.pending) == (True, 1)
    client.connection.reply(request[0], b'{"kind":"told"}\n')
    client.pump()
    assert [reply["kind"] for reply in client.settle()] == ["told", "ok"]


def test_without_the_password_nothing_but_auth_and_ping_is_taken(log: Log) -> None:
    client = Client(log, authenticated=False)
    replies = client.ask({"kind": "set", "key": "a", "value": 1}, {"kind": "get", "key": "a"}, {"kind": "ping"})
    assert [reply.get("code", reply["kind"]) for reply in replies] == ["auth", "auth", "pong"]
    client.connection.feed(b'{"kind":"auth","password":"s\\u00e9cret\\n"}\n{"kind":"get","key":"a"}\n')
    request = client.connection.next_request()
    assert request is not None
    assert request[1:] == ("auth", b"", None, "sécret\n".encode())
    client.connection.authenticated = True
    client.connection.reply(request[0], b'{"kind":"ok"}\n')
    client.pump()
    assert [reply["kind"] for reply in client.settle()] == ["ok", "value"]


def test_keys_of_any_unicode_are_the_same_however_they_are_escaped(client: Client) -> None:
    key = 'é\0\n"\\\x1f\U0001f600'
    client.feed(b'{"kind":"set","value":1,"key":' + json.dumps(key).encode() + b"}\n")
    client.feed(b'{"kind":"get","key":' + json.dumps(key, ensure_ascii=False).encode() + b"}\n")
    assert [reply.get("doc") for reply in client.settle()] == [None, {"value": 1, "version": 1}]


def test_a_full_group_stalls_the_reading_and_loses_nothing(make_log: MakeLog) -> None:
    client = Client(make_log(group_bytes_max=4096))
    requests = [{"kind": "set", "key": f"k{i}", "value": "x" * 200, "id": i} for i in range(500)]
    client.send(*requests)
    assert client.connection.unread_bytes, "nothing stalled, so the claim was not tested"
    assert [reply["id"] for reply in client.settle()] == list(range(500))


def test_a_failed_group_is_told_to_each_of_its_writes(make_log: MakeLog) -> None:
    log = make_log()
    client = Client(log)
    log.committer.close()
    replies = client.ask({"kind": "set", "key": "a", "value": 1, "id": 1}, {"kind": "get", "key": "a"})
    assert replies == [
        {"kind": "error", "code": "closed", "message": "the database is closed", "id": 1},
        {"kind": "value", "doc": None},
    ]


def test_a_connection_that_is_gone_shifts_nobodys_replies(client: Client) -> None:
    first = client.connection
    client.send(*[{"kind": "set", "key": "a", "value": i, "if_version": 0} for i in range(50)])
    first.close()
    client.connection = client.connect()
    client.output = b""
    replies = client.ask(*[{"kind": "set", "key": "b", "value": i, "id": i} for i in range(50)])
    assert [(reply["id"], reply["version"]) for reply in replies] == [(i, i + 1) for i in range(50)]


def test_a_reply_holds_the_stored_bytes(log: Log, client: Client) -> None:
    log.committer.write(Kind.SET, "a", b'{"n": 1.50e2, "s": "\\u0001"}')
    client.feed(b'{"kind":"get","key":"a"}\n')
    assert client.output == b'{"kind":"value","doc":{"value":{"n":1.50e2,"s":"\\u0001"},"version":1}}\n'


def test_how_long_requests_took_is_counted_by_kind(client: Client) -> None:
    client.ask({"kind": "set", "key": "a", "value": 1}, {"kind": "get", "key": "a"}, {"kind": "get", "key": "b"})
    client.ask({"kind": "get", "key": "a"}, {"kind": "del", "key": "a", "if_version": 7}, {"kind": "del", "key": "a"})
    counted = {kind: sum(buckets) for kind, (_, buckets) in client.hub.durations.items()}
    assert counted == {"get": 3, "set": 1, "del": 1, "patch": 0}  # a refusal took no effect
    assert all(ns_total > 0 for kind, (ns_total, _) in client.hub.durations.items() if counted[kind])
