"""The end of a server process: pending requests are answered, and silent clients hold nothing up.

Each bound on waiting is an hour here: a server that waits for one is not done within the tests' patience.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import ssl
from pathlib import Path

import pytest

from tests.net.wire import PATIENCE_SECONDS, Process, Wire, until
from tests.support.certificates import make_certificate

HOUR = "3600"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
# Few connections: with TLS each takes three descriptors, and the log warns where the system allows fewer than all need.
PATIENT = (
    "--connections-max",
    "100",
    "--drain-seconds",
    HOUR,
    "--web-handshake-seconds-max",
    HOUR,
    "--web-close-seconds-max",
    HOUR,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    certificate, key = make_certificate(tmp_path_factory.mktemp("tls"))
    return str(certificate), str(key)


def serving(path: Path, *arguments: str) -> Process:
    return Process("--port", "0", "--web", "127.0.0.1:0", "--data-dir", str(path), *PATIENT, *arguments)


def web_port(server: Process) -> int:
    return int(server.said[0].rstrip("/").rpartition(":")[2])


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS).close()
    except ConnectionError:
        return True
    return False


def test_connections_to_the_page_that_say_nothing_do_not_hold_up_the_end(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        address = ("127.0.0.1", web_port(server))
        with socket.create_connection(address) as silent, socket.create_connection(address) as begun:
            begun.sendall(b"GET / HTTP/1.1\r\nHost: 127")
            with socket.create_connection(address) as other:  # once it is answered, those before it are known
                other.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert other.recv(12) == b"HTTP/1.1 200"
            assert server.stop() == (0, "")
            for client in (silent, begun):
                with contextlib.suppress(ConnectionError):
                    assert client.recv(1) == b""


def test_an_idle_client_with_tls_does_not_hold_up_the_end_and_is_told(tmp_path: Path, files: tuple[str, str]) -> None:
    trusting = ssl.create_default_context(cafile=files[0])
    with (
        serving(tmp_path, "--tls-cert", files[0], "--tls-key", files[1]) as server,
        Wire(server.port, tls=trusting) as client,
        Wire(server.port, tls=trusting) as watcher,
        socket.create_connection(("127.0.0.1", web_port(server))),
    ):
        assert client.ask({"kind": "set", "key": "a", "value": 1})[0]["kind"] == "ok"
        watcher.ask({"kind": "subscribe", "key": "a"})
        assert server.stop() == (0, "")
        assert client.rest() == watcher.rest() == b"", "no error: the end of TLS was said"


def test_a_slow_reader_with_tls_gets_all_that_it_asked_for_before_the_end(
    tmp_path: Path, files: tuple[str, str]
) -> None:
    trusting = ssl.create_default_context(cafile=files[0])
    arguments = ("--tls-cert", files[0], "--tls-key", files[1], "--send-buffer-bytes", "8192")
    with (
        serving(tmp_path, *arguments) as server,
        Wire(server.port, tls=trusting, receive_bytes=4096) as client,
    ):
        client.ask({"kind": "set", "key": "a", "value": "x" * 300_000})
        client.send(*[{"kind": "get", "key": "a"}] * 5)
        first = client.line()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(server.port))
        replies = [first, *(json.loads(line) for line in client.rest().splitlines())]
        assert [len(reply["doc"]["value"]) for reply in replies] == [300_000] * 5
        assert server.stop() == (0, "")


def test_no_port_takes_clients_while_another_one_waits_for_its_own_and_a_second_signal_ends_the_wait(
    tmp_path: Path,
) -> None:
    unix = tmp_path / "socket"
    with serving(tmp_path / "data", "--unix", str(unix)) as server, Wire(server.port, receive_bytes=4096) as slow:
        slow.ask({"kind": "set", "key": "a", "value": "x" * 1_000_000})
        slow.send(*[{"kind": "get", "key": "a"}] * 20)
        assert slow.socket.recv(10)
        with socket.create_connection(("127.0.0.1", web_port(server))) as page:  # which never answers that it is closed
            page.sendall(UPGRADE)
            assert page.recv(12) == b"HTTP/1.1 101"
            server.process.send_signal(signal.SIGTERM)
            until(lambda: is_refused(server.port) and is_refused(web_port(server)) and not unix.exists())
            assert server.process.poll() is None
            assert server.stop() == (0, "")
