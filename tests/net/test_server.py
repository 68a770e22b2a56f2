"""The server over real sockets: the forms of the protocol, their order, and what is no request."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.wire import Threaded, Wire, threaded


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Threaded]:
    with threaded(tmp_path / "data") as server:
        yield server


def test_clients_are_served_in_the_way_that_the_tests_name_says(server: Threaded, way: str) -> None:
    with Wire(server.port) as client:
        client.ask({"kind": "ping"})
        assert isinstance(client.socket, ssl.SSLSocket) is (way == "tls")
        counted = server.call(  # by the loop that is perhaps still noting the client
            lambda: (server.server.clients.direct, len(server.server.clients), server.server.connections)
        )
        assert counted == (way != "tls", 1, 1)


TABLE = [
    (b'{"kind":"get","key":"a"}', b'{"kind":"value","doc":null}'),
    (b'{"kind":"set","key":"a","value":1}', b'{"kind":"ok","version":1,"revision":1}'),
    (b'{"kind":"get","key":"a"}', b'{"kind":"value","doc":{"value":1,"version":1}}'),
    (b'{"kind":"del","key":"a"}', b'{"kind":"ok","version":2,"revision":2}'),
    (b'{"kind":"del","key":"a"}', b'{"kind":"ok","deleted":false}'),
    (b'{"kind":"patch","key":"a","delta":{"x":1}}', b'{"kind":"ok","version":3,"revision":3}'),
    (b'{"kind":"snapshot"}', b'{"kind":"ok","revision":3}'),
    (b'{"kind":"subscribe","key":"a"}', b'{"kind":"subscribed","key":"a","revision":3}'),
    (b'{"kind":"subscribe","key":"a","id":7}', b'{"kind":"subscribed","key":"a","revision":3,"id":7}'),
    (b'{"kind":"unsubscribe","key":"a"}', b'{"kind":"ok","unsubscribed":true}'),
    (b'{"kind":"unsubscribe","key":"a","id":"x"}', b'{"kind":"ok","unsubscribed":false,"id":"x"}'),
    (b'{"kind":"auth","password":"whatever"}', b'{"kind":"ok"}'),
    (b'{"kind":"delete","key":"missing"}', b'{"kind":"ok","deleted":false}'),
    (b'{"kind":"checkpoint"}', b'{"kind":"ok","revision":3}'),
    (b'{"kind":"ping","id":1.5}', b'{"kind":"pong","id":1.5}'),
]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("at_once", [True, False])
def test_the_forms_of_the_protocol_byte_for_byte(server: Threaded, ending: bytes, at_once: bool) -> None:
    with Wire(server.port) as client:
        if at_once:
            client.socket.sendall(b"".join(request + ending for request, _ in TABLE))
        for request, reply in TABLE:
            if not at_once:
                client.socket.sendall(request + ending)
            assert client._lines.readline() == reply + b"\n"


def test_an_event_has_the_stored_bytes(server: Threaded) -> None:
    with Wire(server.port) as client:
        client.ask({"kind": "subscribe", "key": 'k"\n'})
        for request in (b'"set","value":1.50e2', b'"patch","delta":{"a":null}', b'"del"'):
            client.socket.sendall(b'{"key":"k\\"\\n","kind":' + request + b"}\n")
        lines = [client._lines.readline() for _ in range(6)]
    events = [line for line in lines if b'"event"' in line]
    start = b'{"kind":"event","event":{"key":"k\\"\\n",'
    assert events == [
        start + b'"old":null,"new":1.50e2,"version":1,"op":"set","revision":1}}\n',
        start + b'"old":1.50e2,"new":{"a":null},"version":2,"op":"patch","revision":2}}\n',
        start + b'"old":{"a":null},"new":null,"version":3,"op":"delete","revision":3}}\n',
    ]


def test_pipelined_requests_are_answered_in_order(server: Threaded) -> None:
    requests = []
    for i in range(3_000):
        requests += [{"kind": "set", "key": f"k{i % 7}", "value": i}, {"kind": "get", "key": f"k{i % 7}", "id": i}]
    with Wire(server.port) as client:
        replies = client.ask(*requests)
    assert [(reply["id"], reply["doc"]["value"]) for reply in replies[1::2]] == [(i, i) for i in range(3_000)]


def test_who_has_said_all_gets_all_replies(server: Threaded) -> None:
    with Wire(server.port) as client:
        client.send(*[{"kind": "set", "key": "a", "value": i} for i in range(500)])
        client.say_all()
        assert client.rest().count(b'{"kind":"ok"') == 500


@pytest.mark.parametrize(
    "beginning",
    [
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_http_and_tls_within_the_stream_are_told_and_executed_never(server: Threaded, beginning: bytes) -> None:
    with Wire(server.port) as client:
        client.socket.sendall(beginning + b'\n{"kind":"set","key":"a","value":1}\n')
        rest = client.rest()
    assert rest.startswith(b'{"kind":"error"')
    assert rest.count(b"\n") == 1
    with Wire(server.port) as client:
        assert client.ask({"kind": "get", "key": "a"}) == [{"kind": "value", "doc": None}]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"kind":"what"}',
        b'{"kind":"get"}',
        b"\x00",
        b'\xef\xbb\xbf{"kind":"ping"}',
        b"[" * 100_000,
    ],
)
def test_what_is_wrong_is_told_and_the_connection_stays(server: Threaded, line: bytes) -> None:
    with Wire(server.port) as client:
        client.socket.sendall(b'{"kind":"ping"}\n' + line + b'\n{"kind":"ping"}\n')
        assert [client.line()["kind"] for _ in range(3)] == ["pong", "error", "pong"]


def test_a_missing_newline_ends_in_a_clean_close(server: Threaded) -> None:
    with Wire(server.port) as client:
        client.socket.sendall(b'{"kind":"set","key":"a","value":1}')
        client.say_all()
        assert client.rest() == b""


def test_a_snapshot_holds_up_no_other_client(server: Threaded) -> None:
    with Wire(server.port) as first, Wire(server.port) as second:
        first.ask({"kind": "set", "key": "a", "value": 1})
        first.send({"kind": "snapshot"}, {"kind": "ping"})
        assert second.ask({"kind": "set", "key": "b", "value": 1})[0]["kind"] == "ok"
        assert first.line()["revision"] >= 1
        assert first.line() == {"kind": "pong"}


def test_info_has_state_counters_and_limits(server: Threaded) -> None:
    with Wire(server.port) as client:
        client.ask({"kind": "set", "key": "a", "value": 1}, {"kind": "nonsense"})
        (reply,) = client.ask({"kind": "info", "id": 1})
    info = reply["info"]
    assert (reply["kind"], reply["id"], info["keys"], info["revision"]) == ("info", 1, 1, 1)
    assert info["limits"]["value_bytes_max"] == 16 * 1024 * 1024
    assert info["server"]["limits"]["connections_max"] == 10_000
    assert info["server"]["connections"] == 1
    assert info["server"]["commands"]["set"] == 1
    assert info["server"]["commands"]["invalid"] == 1
