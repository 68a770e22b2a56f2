"""The pump between TLS clients and the reactor: its bounds, both ends of a stream, and clients that do nothing."""

from __future__ import annotations

import json
import logging
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fluxdb.limits import KIB, MIB, Limits, ServerLimits
from fluxdb.net import tls
from tests.net import wire
from tests.net.wire import PATIENCE_SECONDS, Threaded, Wire, threaded, tls_contexts, until
from tests.support.loops import LOOPS


@pytest.fixture(autouse=True, params=LOOPS)
def _secure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "secure", True)
    monkeypatch.setattr(wire, "loop_kind", request.param)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Threaded]:
    with threaded(tmp_path / "data", ServerLimits(send_buffer_bytes=16 * KIB, drain_seconds=1)) as server:
        yield server


def silent(server: Threaded) -> socket.socket:
    """A client that does not even begin its handshake."""
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)


def pumps(server: Threaded) -> list[tls.Pump]:
    assert server.server._tls is not None
    return list(server.server._tls._pumps)


# One thread does both: before CPython 3.13 an SSLSocket must not read and write at the same time.


def sent(client: socket.socket, data: memoryview) -> int:
    """How many bytes went out at once. The caller offers the rest again."""
    try:
        return client.send(data[: 16 * KIB]) if data else 0
    except ssl.SSLWantWriteError:
        return 0


def received(client: socket.socket) -> bytes:
    """Return what is there within a moment."""
    try:
        return client.recv(64 * KIB)
    except ssl.SSLWantReadError:
        select.select([client], [], [], 0.01)
        return b""


# The handshake


@pytest.mark.guarantee(11)
def test_g11_who_does_not_finish_its_handshake_is_closed_in_time(
    server: Threaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_SECONDS", 0.2)
    with silent(server) as nothing, silent(server) as begun, Wire(server.port) as client:
        begun.sendall(b"\x16\x03\x01")
        client.ask({"kind": "ping"})
        assert nothing.recv(1) == begun.recv(1) == b""
        server.until(lambda: server.server.connections == 1)
        assert client.ask({"kind": "ping"}) == [{"kind": "pong"}]


@pytest.mark.guarantee(11)
def test_g11_a_connection_counts_once_from_its_first_moment_to_its_last(tmp_path: Path) -> None:
    with threaded(tmp_path, ServerLimits(connections_max=2, drain_seconds=1)) as server:
        with silent(server), Wire(server.port) as client:
            client.ask({"kind": "ping"})
            assert server.call(lambda: server.server.connections) == 2
            with silent(server) as third:
                assert third.recv(1) == b""
            assert server.call(lambda: server.server.connections_refused) == 1
        server.until(lambda: server.server.connections == len(server.server.clients) == 0)


def test_who_is_in_its_handshake_does_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_SECONDS", 3_600.0)
    with threaded(tmp_path, ServerLimits(drain_seconds=3_600)) as server, silent(server) as client:
        server.until(lambda: server.server.connections == 1)
        server.close()
        assert client.recv(1) == b""


def test_what_is_no_tls_is_closed_without_a_reset(server: Threaded) -> None:
    with silent(server) as client:
        client.sendall(b'{"kind":"ping"}\n' * 100)
        assert client.recv(1) == b""
        client.sendall(b'{"kind":"ping"}\n')
    server.until(lambda: server.server.connections == 0)


def test_without_a_descriptor_for_the_pair_the_client_is_closed_and_the_log_says_why(
    server: Threaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_pair() -> None:
        raise OSError(24, "Too many open files")

    with caplog.at_level(logging.WARNING, "fluxdb.server"):
        with monkeypatch.context() as patch:
            patch.setattr("fluxdb.net.tls.socket.socketpair", no_pair)
            client = Wire(server.port)
            with pytest.raises((AssertionError, OSError)):
                client.ask({"kind": "ping"})
            client.close()
        with Wire(server.port) as other:
            assert other.ask({"kind": "ping"}) == [{"kind": "pong"}]
    assert [record.message for record in caplog.records] == ["127.0.0.1: a connection was closed: Too many open files"]


# Both ends of a stream


class Sans:
    """A TLS client that can say the end of TLS and read on, which Python's own can't."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls_contexts()[1].wrap_bio(self._in, self._out, server_hostname="localhost")
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._in.write(self.socket.recv(65_536))
        self._flush()

    def _flush(self) -> None:
        self.socket.sendall(self._out.read())

    def send(self, *requests: Any) -> None:
        self._tls.write(b"".join(json.dumps(request).encode() + b"\n" for request in requests))
        self._flush()

    def say_end(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush()

    def rest(self) -> bytes:
        """All until the server says the end of TLS: it must."""
        told = b""
        while True:
            try:
                data = self._tls.read(65_536)
            except ssl.SSLWantReadError:
                received = self.socket.recv(65_536)
                assert received, "the stream ended without the end of TLS"
                self._in.write(received)
                continue
            except ssl.SSLZeroReturnError:
                return told
            if not data:
                return told
            told += data


def test_who_has_said_the_end_of_tls_gets_all_replies_and_the_servers_end(server: Threaded) -> None:
    client = Sans(server.port)
    client.send(*[{"kind": "set", "key": "a", "value": i} for i in range(500)])
    client.say_end()
    assert client.rest().count(b'{"kind":"ok"') == 500
    assert client.socket.recv(1) == b""
    client.socket.close()
    server.until(lambda: server.server.connections == 0)


def test_who_is_sent_away_reads_why_and_the_end_of_tls(tmp_path: Path) -> None:
    with threaded(tmp_path, ServerLimits(first_line_seconds=1, drain_seconds=1)) as server:
        client = Sans(server.port)
        assert b"first_line_seconds" in client.rest()
        client.socket.close()


def test_who_never_closes_after_being_sent_away_is_closed(tmp_path: Path) -> None:
    with threaded(tmp_path, ServerLimits(first_line_seconds=1, drain_seconds=1)) as server, Wire(server.port):
        server.until(lambda: server.server.connections_total == 1)
        server.until(lambda: server.server.connections == 0)


def test_a_client_that_is_cut_off_is_no_error_and_leaves_nothing(
    server: Threaded, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "fluxdb.server"):
        for _ in range(20):
            client = Wire(server.port)
            client.ask({"kind": "subscribe", "key": "a"})
            client.send({"kind": "set", "key": "a", "value": 1})
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()  # by a reset
        server.until(lambda: server.server.connections == len(server.server.clients) == 0)
    assert server.engine.notify.subscribers == 0
    assert caplog.records == []


def test_a_reset_behind_more_than_one_read_takes_is_noticed(server: Threaded) -> None:
    client = Wire(server.port)
    client.ask({"kind": "ping"})
    held, go_on = threading.Event(), threading.Event()

    def hold() -> bool:
        held.set()
        return go_on.wait(PATIENCE_SECONDS)

    holding = threading.Thread(target=lambda: server.call(hold))  # the event loop
    holding.start()
    assert held.wait(PATIENCE_SECONDS)
    for _ in range(300):
        client.socket.sendall(b" ")  # a record of TLS each, which one read takes; a reply would notice, too
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    go_on.set()
    holding.join(PATIENCE_SECONDS)
    server.until(lambda: server.server.connections == 0)


# Bounds


@pytest.mark.guarantee(8, 11)
def test_g11_clients_that_read_nothing_cost_the_pump_a_chunk_at_most(tmp_path: Path) -> None:
    limits = ServerLimits(send_buffer_bytes=16 * KIB, output_bytes_max=64 * KIB, drain_seconds=1)
    with threaded(tmp_path, limits) as server, Wire(server.port) as writer:
        writer.ask({"kind": "set", "key": "a", "value": "x" * 100_000})
        stalled = [Wire(server.port, receive_bytes=8 * KIB) for _ in range(20)]
        for client in stalled:
            client.send(*[{"kind": "get", "key": "a"}] * 100)
        server.until(lambda: server.server.totals()["paused"] == len(stalled))
        until(lambda: sum(bool(pump._outgoing) for pump in pumps(server)) == len(stalled))
        assert max(len(pump._outgoing) for pump in pumps(server)) <= tls.CHUNK_BYTES
        assert server.server.totals()["output_bytes"] <= len(stalled) * 400 * KIB
        assert writer.ask({"kind": "ping"}) == [{"kind": "pong"}]
        for client in stalled:
            assert [client.line()["doc"]["version"] for _ in range(100)] == [1] * 100
            client.close()


@pytest.mark.guarantee(11)
def test_g11_requests_that_the_reactor_does_not_take_stop_the_reading_of_more(tmp_path: Path) -> None:
    limits = ServerLimits(send_buffer_bytes=16 * KIB, output_bytes_max=4 * KIB, drain_seconds=1)
    count, request, reply = 400_000, b'{"kind":"ping"}\n', b'{"kind":"pong"}\n'
    left, replies = memoryview(request * count), bytearray()
    with threaded(tmp_path, limits) as server, Wire(server.port, receive_bytes=8 * KIB) as client:
        client.socket.setblocking(False)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(pump._incoming for pump in pumps(server)):
            assert time.monotonic() < deadline
            left = left[sent(client.socket, left) :]
        (pump,) = pumps(server)
        assert len(pump._incoming) <= tls.CHUNK_BYTES
        assert left
        while len(replies) < count * len(reply):
            left = left[sent(client.socket, left) :]
            replies += received(client.socket)
        assert replies == reply * count
        client.socket.settimeout(PATIENCE_SECONDS)
        assert client.ask({"kind": "ping"}) == [{"kind": "pong"}]


@pytest.mark.guarantee(8)
def test_g8_a_client_that_takes_nothing_of_its_last_replies_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "UNREAD_SECONDS", 0.5)
    limits = ServerLimits(send_buffer_bytes=8 * KIB, unread_bytes_max=1 * MIB, drain_seconds=1)
    small = Limits(value_bytes_max=1_000_000, page_bytes_max=1_000_000)
    with threaded(tmp_path, limits, limits=small) as server, Wire(server.port) as writer:
        writer.ask({"kind": "set", "key": "a", "value": "x" * 900_000})
        with Wire(server.port, receive_bytes=8 * KIB) as stuck:
            stuck.send(*[{"kind": "get", "key": "a"}] * 5)  # more than may be unread: the reactor cuts it off
            server.until(lambda: server.server.clients.reactor.cut_off == 1)
            server.until(lambda: server.server.connections == 1)
        assert writer.ask({"kind": "ping"}) == [{"kind": "pong"}]


def test_a_slow_reader_gets_its_last_replies_however_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "UNREAD_SECONDS", 0.0)  # while the server ends, its own deadline counts
    with threaded(tmp_path, ServerLimits(send_buffer_bytes=8 * KIB, drain_seconds=3_600)) as server:
        with Wire(server.port, receive_bytes=8 * KIB) as client:
            client.ask({"kind": "set", "key": "a", "value": "x" * 300_000})
            client.send(*[{"kind": "get", "key": "a"}] * 5)
            assert len(client.line()["doc"]["value"]) == 300_000
            ending = threading.Thread(target=server.close)
            ending.start()
            until(lambda: server.server.closing)
            assert [len(client.line()["doc"]["value"]) for _ in range(4)] == [300_000] * 4
            assert client.rest() == b""
        ending.join(PATIENCE_SECONDS)


def test_to_hurry_closes_who_takes_nothing(tmp_path: Path) -> None:
    limits = ServerLimits(send_buffer_bytes=8 * KIB, drain_seconds=3_600)
    with threaded(tmp_path, limits) as server, Wire(server.port, receive_bytes=8 * KIB) as client:
        client.ask({"kind": "set", "key": "a", "value": "x" * 300_000})
        client.send(*[{"kind": "get", "key": "a"}] * 20)
        ending = threading.Thread(target=server.close)
        ending.start()
        until(lambda: server.server.closing)
        server.call(server.server.abort)
        ending.join(PATIENCE_SECONDS)
        assert not ending.is_alive()


# Tests of one client


def test_a_wrong_password_is_the_address_of_the_client_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with threaded(tmp_path, password=b"p") as server, Wire(server.port) as client:
        assert client.ask({"kind": "auth", "password": "x"})[0]["code"] == "auth"
        assert server.server.password is not None
        assert list(server.server.password._failures) == ["127.0.0.1"]
    assert [record.message for record in caplog.records] == ["127.0.0.1: a wrong password"]


def test_what_nobody_expected_costs_its_own_client_alone(
    server: Threaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(pump: tls.Pump) -> None:
        raise ValueError("unheard of")

    with Wire(server.port) as other, caplog.at_level(logging.ERROR, "fluxdb.server"):
        other.ask({"kind": "ping"})
        with monkeypatch.context() as patch:
            patch.setattr(tls.Pump, "_receive", fail)
            with Wire(server.port) as client:
                client.send({"kind": "ping"})
                with pytest.raises((AssertionError, OSError)):
                    client.line()
        assert other.ask({"kind": "ping"}) == [{"kind": "pong"}]
    assert {record.message for record in caplog.records} == {"127.0.0.1: a connection was closed by ValueError"}


@pytest.mark.guarantee(8)
def test_g8_a_tls_subscriber_that_reads_nothing_is_evicted_and_told(tmp_path: Path) -> None:
    server_limits = ServerLimits(send_buffer_bytes=8 * KIB, drain_seconds=1)
    limits = Limits(subscriber_bytes_max=256 * KIB)
    with (
        threaded(tmp_path, server_limits, limits=limits) as server,
        Wire(server.port) as writer,
        Wire(server.port, receive_bytes=8 * KIB) as stuck,
    ):
        stuck.ask({"kind": "subscribe", "key": "a"})
        while not server.engine.notify.evictions:
            written = writer.ask({"kind": "set", "key": "a", "value": "x" * 20_000})[0]["version"]
            assert written < 1_000
        told = [stuck.line()]
        while told[-1]["kind"] == "event":
            told.append(stuck.line())
        assert told[-1] == {"kind": "evicted", "key": "a", "last_revision": len(told) - 1}
