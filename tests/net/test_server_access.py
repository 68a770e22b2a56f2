"""Access to the server: passwords, the Unix socket, and addresses that other machines reach."""

from __future__ import annotations

import os
import socket
import stat
import sys
import time
from pathlib import Path

import pytest

from fluxdb.errors import FluxDBError
from fluxdb.limits import Limits, ServerLimits
from fluxdb.net.listener import is_loopback, listen_unix
from tests.net.wire import Wire, run_program, threaded


def test_without_the_password_nothing_is_told(tmp_path: Path) -> None:
    with threaded(tmp_path, password="pässword".encode()) as server, Wire(server.port) as client:
        kinds = ("set", "get", "snapshot", "subscribe", "info", "unsubscribe")
        replies = client.ask(*[{"kind": kind, "key": "a", "value": 1} for kind in kinds])
        assert [reply["code"] for reply in replies] == ["auth"] * len(kinds)
        wrong, right, written = client.ask(
            {"kind": "auth", "password": "passwort", "id": 1},
            {"kind": "auth", "password": "pässword", "id": 2},
            {"kind": "set", "key": "a", "value": 1, "id": 3},
        )
        assert (wrong["code"], wrong["id"]) == ("auth", 1)
        assert right == {"kind": "ok", "id": 2}
        assert (written["version"], written["id"]) == (1, 3)


@pytest.mark.guarantee(11)
def test_a_ping_tells_whether_a_password_is_still_wanted(tmp_path: Path) -> None:
    with threaded(tmp_path, password=b"secret") as server, Wire(server.port) as client:
        assert client.ask({"kind": "ping", "id": 1}) == [{"kind": "pong", "authenticated": False, "id": 1}]
        assert client.ask({"kind": "auth", "password": "secret"}, {"kind": "ping"})[1] == {"kind": "pong"}


def test_g11_a_line_before_the_password_is_short_and_may_be_long_behind_it(tmp_path: Path) -> None:
    request = {"kind": "set", "key": "a", "value": "x" * 10_000}
    with threaded(tmp_path, password=b"p") as server, Wire(server.port) as client:
        replies = client.ask(request, {"kind": "auth", "password": "p"}, request)
    assert [reply.get("code", reply["kind"]) for reply in replies] == ["too_large", "ok", "ok"]


def test_a_line_that_is_too_long_names_the_bound_that_it_went_over(tmp_path: Path) -> None:
    request = {"kind": "set", "key": "a", "value": "x" * 10_000}
    limits = ServerLimits(auth_line_bytes_max=300, line_bytes_max=9_000, drain_seconds=1)
    small = Limits(value_bytes_max=1_000)
    with threaded(tmp_path, limits, limits=small, password=b"p") as server, Wire(server.port) as client:
        before, _, behind = client.ask(request, {"kind": "auth", "password": "p"}, request)
    assert "300 bytes (auth_line_bytes_max, until the password is told)" in before["message"]
    assert "9000 bytes (line_bytes_max)" in behind["message"]


def test_a_failure_delays_nobody_else(tmp_path: Path) -> None:
    with threaded(tmp_path, password=b"p") as server, Wire(server.port) as guessing, Wire(server.port) as other:
        other.ask({"kind": "auth", "password": "p"})
        started = time.monotonic()
        guessing.send(*[{"kind": "auth", "password": "x"}] * 3)
        assert other.ask({"kind": "set", "key": "a", "value": 1})[0]["kind"] == "ok"
        assert [guessing.line()["code"] for _ in range(3)] == ["auth"] * 3
        assert time.monotonic() - started >= 0.1 + 0.2 + 0.4


@pytest.mark.guarantee(11)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_g11_an_address_beyond_this_machine_is_refused_without_a_password(tmp_path: Path, host: str) -> None:
    for option in ("--host", "--web"):
        address = host if option == "--host" else f"[{host}]:0"
        code, output, errors = run_program(option, address, "--port", "0", "--data-dir", str(tmp_path / "data"))
        assert (code, output) == (2, "")
        assert "--password-file" in errors
        assert "127.0.0.1" in errors
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("8.8.8.8", False)],
)
def test_what_is_a_loopback_address(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.skipif(sys.platform != "linux", reason="the mode of a socket can't be set there before it is bound")
def test_a_unix_socket_is_private_without_changing_the_mask_of_the_whole_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fluxdb.sock"

    def umask(mask: int) -> int:
        raise AssertionError("other threads make files, too")

    monkeypatch.setattr(os, "umask", umask)
    with listen_unix(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_unix_socket_is_its_owners_alone_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "fluxdb.sock"
    with threaded(tmp_path / "data", unix=path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with Wire(str(path)) as client:
            assert client.ask({"kind": "ping"}) == [{"kind": "pong"}]
        with pytest.raises(FluxDBError, match="another server listens there"):
            listen_unix(path)
    assert not path.exists()


def test_a_dead_servers_socket_is_removed_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "fluxdb.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listen_unix(path).close()
    path.unlink()
    path.write_text("a file")
    with pytest.raises(FluxDBError, match="is not a socket"):
        listen_unix(path)
    assert path.read_text() == "a file"
