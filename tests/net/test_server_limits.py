"""G11: every bound of the server, at N and at N+1; and that nothing is left of who has gone."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
from pathlib import Path

import pytest

from fluxdb.limits import SERVER_RANGES, Limits, ServerLimits
from tests.net.wire import Process, Wire, threaded

KIB = 1024
SHORT = Limits(key_bytes_max=64, value_bytes_max=512)  # of a database whose largest request is short
# What the others count towards, so that one bound can be at either end of its range.
AMPLE = {
    "input_bytes_max": SERVER_RANGES["input_bytes_max"][1],
    "unread_bytes_max": SERVER_RANGES["unread_bytes_max"][1],
}
AMPLE |= {
    "line_bytes_max": SERVER_RANGES["line_bytes_max"][0],
    "output_bytes_max": SERVER_RANGES["output_bytes_max"][0],
}


@pytest.mark.guarantee(11)
def test_g11_a_line_of_the_limit_is_taken_and_one_byte_more_is_refused(tmp_path: Path) -> None:
    bound = 4096
    server_limits = ServerLimits(line_bytes_max=bound, drain_seconds=1)
    with threaded(tmp_path, server_limits, limits=SHORT) as server, Wire(server.port) as client:
        for excess in (0, 1):
            line = b'{"kind":"set","key":"a","value":"x"}'
            client.socket.sendall(line.ljust(bound + excess) + b"\n")
            reply = client.line()
            assert reply["kind"] == ("error" if excess else "ok")
            assert reply.get("code", "too_large") == "too_large"
        assert client.ask({"kind": "ping"}) == [{"kind": "pong"}]


@pytest.mark.guarantee(11)
def test_g11_a_giant_line_in_single_bytes_takes_no_memory_beyond_its_limit(tmp_path: Path) -> None:
    server_limits = ServerLimits(line_bytes_max=2048, drain_seconds=1)
    with threaded(tmp_path, server_limits, limits=SHORT) as server, Wire(server.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(5_000):
            client.socket.sendall(b"x")
        assert server.call(server.server.totals)["input_bytes"] <= 2048
        client.socket.sendall(b'\n{"kind":"ping"}\n')
        assert [client.line().get("code"), client.line()["kind"]] == ["too_large", "pong"]


@pytest.mark.guarantee(11)
def test_g11_one_connection_too_many_is_told_so(tmp_path: Path, way: str) -> None:
    with threaded(tmp_path, ServerLimits(connections_max=2, drain_seconds=1)) as server:
        with Wire(server.port) as first, Wire(server.port) as second:
            assert first.ask({"kind": "ping"}) == second.ask({"kind": "ping"}) == [{"kind": "pong"}]
            if way == "tls":  # before its handshake it could not read why
                with pytest.raises(OSError):
                    Wire(server.port)
            else:
                with Wire(server.port) as third:
                    refused = third.line()
                    assert (refused["kind"], refused["code"]) == ("error", "too_many")
                    assert "connections_max" in refused["message"]
                    assert refused["closing"] is True
                    assert third.rest() == b""
            assert first.ask({"kind": "ping"}) == [{"kind": "pong"}]
        server.until(lambda: server.server.connections == 0)
        with Wire(server.port) as again:
            assert again.ask({"kind": "ping"}) == [{"kind": "pong"}]


@pytest.mark.guarantee(11)
def test_g11_subscriptions_of_a_connection_are_bounded(tmp_path: Path) -> None:
    with threaded(tmp_path, ServerLimits(subscriptions_max=2, drain_seconds=1)) as server, Wire(server.port) as client:
        replies = client.ask(*[{"kind": "subscribe", "key": key} for key in ("a", "b", "b", "c")])
        assert [reply["kind"] for reply in replies] == ["subscribed", "subscribed", "subscribed", "error"]
        assert replies[3]["code"] == "too_large"
        replies = client.ask({"kind": "unsubscribe", "key": "a"}, {"kind": "subscribe", "key": "c"})
        assert [reply["kind"] for reply in replies] == ["ok", "subscribed"]


@pytest.mark.guarantee(11)
def test_g11_subscriptions_of_all_clients_together_are_bounded(tmp_path: Path) -> None:
    limits = Limits(database_subscriptions_max=3)
    with threaded(tmp_path, limits=limits) as server, Wire(server.port) as first, Wire(server.port) as second:
        assert {reply["kind"] for reply in first.ask(*[{"kind": "subscribe", "key": key} for key in "ab"])} == {
            "subscribed"
        }
        replies = second.ask(*[{"kind": "subscribe", "key": key} for key in "abc"])
        assert [reply["kind"] for reply in replies] == ["subscribed", "error", "error"]
        assert replies[1]["code"] == "too_large"
        assert "database_subscriptions_max" in replies[1]["message"]
        first.ask({"kind": "unsubscribe", "key": "a"})
        assert second.ask({"kind": "subscribe", "key": "c"})[0]["kind"] == "subscribed"


@pytest.mark.guarantee(11)
def test_g11_requests_begun_by_all_clients_together_are_bounded(tmp_path: Path) -> None:
    megabyte = 1024 * KIB
    server_limits = ServerLimits(line_bytes_max=megabyte, input_bytes_max=megabyte, drain_seconds=1)
    with (
        threaded(tmp_path, server_limits, limits=Limits(value_bytes_max=megabyte // 2)) as server,
        Wire(server.port) as small,
    ):
        with Wire(server.port) as large, Wire(server.port) as too_much:
            large.socket.sendall(b"x" * (megabyte * 3 // 4))
            server.until(lambda: server.server.totals()["input_bytes"] == megabyte * 3 // 4)
            with contextlib.suppress(OSError):  # it is closed meanwhile
                too_much.socket.sendall(b"x" * (megabyte // 2))
            assert b"(input_bytes_max)" in too_much.rest()
        assert small.ask({"kind": "set", "key": "a", "value": 1})[0]["kind"] == "ok"
        server.until(lambda: server.server.totals()["input_bytes"] == 0)


@pytest.mark.guarantee(11)
def test_g11_replies_that_nobody_reads_are_bounded_and_all_arrive_in_the_end(tmp_path: Path) -> None:
    limits = ServerLimits(output_bytes_max=64 * KIB, send_buffer_bytes=16 * KIB, drain_seconds=1)
    value, count = "x" * 10_000, 4_000
    request = b'{"kind":"get","key":"a"}\n'
    with (
        threaded(tmp_path, limits) as server,
        Wire(server.port, receive_bytes=16 * KIB) as client,
        Wire(server.port) as other,
    ):
        assert client.ask({"kind": "set", "key": "a", "value": value})[0]["kind"] == "ok"
        sender = threading.Thread(target=client.socket.sendall, args=(request * count,))
        sender.start()
        server.until(lambda: server.server.totals()["paused"] > 0)
        waiting = server.call(server.server.totals)
        assert waiting["output_bytes"] + waiting["held_bytes"] <= 4 * 64 * KIB
        assert other.ask({"kind": "get", "key": "a"})[0]["doc"]["version"] == 1
        for _ in range(count):
            assert client.line()["doc"]["version"] == 1
        sender.join(30)
        assert client.ask({"kind": "ping"}) == [{"kind": "pong"}]


def test_first_line_and_idle_time_out(tmp_path: Path) -> None:
    limits = ServerLimits(first_line_seconds=1, idle_seconds=1, drain_seconds=1)
    with (
        threaded(tmp_path, limits) as server,
        Wire(server.port) as silent,
        Wire(server.port) as idle,
        Wire(server.port) as watching,
    ):
        idle.ask({"kind": "ping"})
        watching.ask({"kind": "subscribe", "key": "a"})
        assert "first_line_seconds" in json.loads(silent.rest())["message"]
        assert "idle_seconds" in json.loads(idle.rest())["message"]
        assert watching.ask({"kind": "ping"}) == [{"kind": "pong"}]


def test_connections_that_drop_leave_nothing_behind(tmp_path: Path, way: str) -> None:
    with threaded(tmp_path) as server:
        with Wire(server.port) as client:
            client.ask({"kind": "ping"})
        server.until(lambda: server.server.connections == 0)
        before = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
        for i in range(200 if way == "tls" else 1_000):
            client = Wire(server.port)
            if i % 2:
                client.socket.sendall(b'{"kind":"subscribe","key":"a"}\n{"kind":"set","key":"a","value"')
            client.close()
        server.until(lambda: server.server.connections == 0)
        server.until(lambda: server.engine.notify.subscribers == 0)
        assert server.call(lambda: len(server.server.clients)) == 0
        assert server.server.totals()["input_bytes"] == 0
        if sys.platform == "linux":
            assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
        with Wire(server.port) as client:
            assert client.ask({"kind": "set", "key": "a", "value": 1})[0]["kind"] == "ok"


def test_without_descriptors_clients_wait_and_nothing_breaks(tmp_path: Path) -> None:
    prefix = ("sh", "-c", 'ulimit -n 40; exec "$@"', "sh")
    with Process("--port", "0", "--data-dir", str(tmp_path), prefix=prefix) as server:
        clients = [Wire(server.port) for _ in range(60)]  # the system takes them into its queue
        assert clients[0].ask({"kind": "set", "key": "a", "value": 1})[0]["kind"] == "ok"
        for client in clients[:50]:
            client.close()
        assert clients[59].ask({"kind": "get", "key": "a"})[0]["doc"]["version"] == 1
        for client in clients[50:]:
            client.close()
        code, errors = server.stop()
    assert code == 0
    assert "can't accept connections for now" in errors
    assert errors.count("can't accept") < 5
    assert "Traceback" not in errors


@pytest.mark.parametrize("name", SERVER_RANGES)
def test_g11_each_bound_has_a_range(name: str) -> None:
    low, high = SERVER_RANGES[name]
    for value in (low, high):
        assert getattr(ServerLimits(**{**AMPLE, name: value}), name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(ValueError, match=name):
            ServerLimits(**{name: value})
