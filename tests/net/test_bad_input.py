"""Bad input to a real server: an error or a clean end, no harm to others, and memory within its limit."""

from __future__ import annotations

import json
import random
import socket
import ssl
import sys
from collections.abc import Iterator

import pytest

from tests.net.wire import Process, Wire
from tests.support.process_numbers import numbers_of

LINE_BYTES_MAX = 1 << 20
MEMORY_BYTES_MAX = 64 << 20  # more than at the start; what one line takes is a few times its length

WRONG_LINES = [
    (b"{", "invalid_request"),
    (b"{]", "invalid_request"),
    (b"[]", "invalid_request"),
    (b'"ping"', "invalid_request"),
    (b"null", "invalid_request"),
    (b"{}", "invalid_request"),
    (b'{"kind":"ping"} {"kind":"ping"}', "invalid_request"),
    (b'{"kind":"ping"}\x00', "invalid_request"),
    (b"\x00", "invalid_request"),
    (b"\x00" * 1000, "invalid_request"),
    (b'\xef\xbb\xbf{"kind":"ping"}', "invalid_request"),
    (b'\xff\xfe{\x00"\x00', "invalid_request"),
    (b"\xff\xfe", "invalid_request"),
    (b'{"kind":"set","key":"a","value":"\xff"}', "invalid_request"),
    (b'{"kind":"set","key":"\xc3","value":1}', "invalid_request"),
    (b'{"kind":"set","key":"a","value":"\xed\xa0\x80"}', "invalid_request"),  # half a pair of surrogates
    (b'{"kind":"set","key":"\\udfff","value":1}', "invalid_request"),
    (b'{"kind":"set","key":"a","value":NaN}', "invalid_request"),
    (b'{"kind":"set","key":"a","value":1e999}', "invalid_request"),
    (b'{"kind":"set","key":"a","value":18446744073709551616}', "invalid_request"),
    (b'{"kind":"what"}', "invalid_request"),
    (b'{"kind":null}', "invalid_request"),
    (b'{"kind":["get"],"key":"a"}', "invalid_request"),
    (b'{"Kind":"ping"}', "invalid_request"),
    (b'{"kind":"PING"}', "invalid_request"),
    (b'{"kind":"get"}', "invalid_request"),
    (b'{"kind":"get","key":1}', "invalid_request"),
    (b'{"kind":"subscribe","key":{}}', "invalid_request"),
    (b'{"kind":"unsubscribe","key":null}', "invalid_request"),
    (b'{"kind":"set","key":"a"}', "invalid_request"),
    (b'{"kind":"patch","key":"a","value":{}}', "invalid_request"),
    (b'{"kind":"set","key":"a","value":1,"if_version":"1"}', "invalid_request"),
    (b'{"kind":"set","key":"a","value":1,"if_version":-1}', "invalid_request"),
    (b'{"kind":"patch","key":"a","delta":1,"remove_nulls":"yes"}', "invalid_request"),
    (b'{"kind":"get","key":"a","id":{}}', "invalid_request"),
    (b'{"kind":"auth","password":1}', "invalid_request"),
    (b'{"kind":"set","key":"","value":1}', "invalid_key"),
    (b'{"kind":"set","key":"%b","value":1}' % (b"k" * 1025), "too_large"),
    *[(b'{"kind":"%b","key":"%b"}' % (kind, b"k" * 1025), "too_large") for kind in (b"get", b"subscribe", b"del")],
    (b'{"kind":"set","key":"a","value":%b}' % (b"[" * 129 + b"]" * 129), "too_large"),
    (b"[" * 100_000, "too_large"),
    (b'{"kind":"set","key":"a","value":%b}' % (b"[" * 100_000 + b"]" * 100_000), "too_large"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_large"),
    (b"x" * (LINE_BYTES_MAX + 1), "too_large"),
    (b'{"kind":"set","key":"a","value":"%b"}' % (b"x" * LINE_BYTES_MAX), "too_large"),
    (b"\xff" * (3 * LINE_BYTES_MAX), "too_large"),
    (b" " * (3 * LINE_BYTES_MAX), "too_large"),
]

OTHER_PROTOCOLS = [
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:7000\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 40\r\n\r\n",
    b"OPTIONS * HTTP/1.0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /" + b"x" * (2 * LINE_BYTES_MAX) + b" HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    b"\x16\x03",
    b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 7000\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """At the end it must have nothing to say of all that it was sent, and be no larger than it may."""
    folder = tmp_path_factory.mktemp("data")
    bounds = ("--line-bytes-max", str(LINE_BYTES_MAX), "--value-bytes-max", str(LINE_BYTES_MAX // 2))
    with Process("--port", "0", "--data-dir", str(folder), *bounds) as server:
        before = numbers_of(server.process.pid).memory_bytes if sys.platform == "linux" else 0
        yield server
        if sys.platform == "linux":
            assert numbers_of(server.process.pid).memory_bytes - before < MEMORY_BYTES_MAX
        code, errors = server.stop()
    assert code == 0
    assert all("the disk is slow" in line for line in errors.splitlines()), errors


@pytest.fixture
def bystander(server: Process) -> Iterator[Wire]:
    """Another client: in the end it has its own replies, and nobody has written to the key."""
    with Wire(server.port) as client:
        client.send({"kind": "get", "key": "a", "id": "mine"})
        yield client
        assert client.line() == {"kind": "value", "doc": None, "id": "mine"}
        assert client.ask({"kind": "get", "key": "a", "id": "again"}) == [{"kind": "value", "doc": None, "id": "again"}]


def short(value: object) -> str:
    return repr(value)[:40]


@pytest.mark.parametrize(("line", "code"), WRONG_LINES, ids=short)
def test_g11_a_wrong_line_is_told_and_the_next_one_is_taken(
    server: Process, bystander: Wire, line: bytes, code: str
) -> None:
    with Wire(server.port) as client:
        client.socket.sendall(b'{"kind":"ping","id":1}\n' + line + b'\n{"kind":"ping","id":2}\r\n')
        first, error, last = client.line(), client.line(), client.line()
    assert (first, last) == ({"kind": "pong", "id": 1}, {"kind": "pong", "id": 2})
    assert (error["kind"], error["code"]) == ("error", code)
    assert error["message"]
    assert len(error["message"]) < 300, "it does not give back what it was sent"


@pytest.mark.parametrize(("line", "code"), [row for row in WRONG_LINES if len(row[0]) < 200], ids=short)
def test_a_wrong_line_in_single_bytes_is_told_the_same(
    server: Process, bystander: Wire, line: bytes, code: str
) -> None:
    with Wire(server.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in line + b'\n{"kind":"ping"}\n':
            client.socket.sendall(bytes([byte]))
        assert [client.line().get("code"), client.line()["kind"]] == [code, "pong"]


@pytest.mark.parametrize("beginning", OTHER_PROTOCOLS, ids=short)
def test_another_protocol_is_told_so_and_nothing_behind_it_is_executed(
    server: Process, bystander: Wire, beginning: bytes
) -> None:
    with Wire(server.port) as client:
        client.socket.sendall(beginning + b'\n{"kind":"set","key":"a","value":1}\n')
        rest = client.rest()
    error = json.loads(rest)
    assert (error["kind"], error["code"]) == ("error", "invalid_request")
    of_a_proxy = b"PROXY" in beginning or b"QUIT" in beginning
    assert ("the PROXY protocol" if of_a_proxy else "one JSON object a line") in error["message"]


def test_a_real_tls_client_on_the_plain_port_fails_at_once(server: Process, bystander: Wire) -> None:
    with pytest.raises(ssl.SSLError):
        Wire(server.port, tls=ssl.create_default_context())


@pytest.mark.parametrize("line", [b'{"kind":"set","key":"a","value":1}', b'{"kind":"set","key":"a","val', b"", b"\r"])
@pytest.mark.parametrize("says_so", [True, False])
def test_without_a_newline_nothing_is_executed(server: Process, bystander: Wire, line: bytes, says_so: bool) -> None:
    with Wire(server.port) as client:
        client.ask({"kind": "ping"})
        client.socket.sendall(line)
        if says_so:
            client.socket.shutdown(socket.SHUT_WR)
            assert client.rest() == b""


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_told_or_ends_and_hurts_nobody(server: Process, bystander: Wire, seed: int) -> None:
    noise = random.Random(seed).randbytes(20_000)
    with Wire(server.port) as client:
        client.socket.sendall(noise)
        client.socket.shutdown(socket.SHUT_WR)
        replies = [json.loads(line) for line in client.rest().splitlines()]
    assert all((reply["kind"], reply["code"]) == ("error", "invalid_request") for reply in replies)
