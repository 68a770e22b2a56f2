"""A disk that was quick and hangs: what a server answers meanwhile, and that it ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from fluxdb.limits import ServerLimits
from fluxdb.net.health import problems
from tests.net import wire
from tests.net.test_health import status_of
from tests.net.wire import Process, Wire, threaded, until
from tests.support import shim
from tests.support.shim import Call, Shim
from tests.support.worker import Worker

GETS = 500


def asked_while_the_disk_hangs(path: str, secure: bool) -> dict[str, Any]:
    """The first write of a server is led by the thread that serves its clients: that one hangs. In a worker."""
    library = Shim()
    library.begin(path)
    wire.secure = secure
    limits = ServerLimits(sync_stalled_seconds=1, drain_seconds=1)
    with threaded(Path(path) / "db", limits) as server, Wire(server.port) as writer, Wire(server.port) as reader:
        held = library.hold(Call.SYNC, part="log-")
        reader.ask({"kind": "subscribe", "key": "b"})
        writer.send({"kind": "set", "key": "a", "value": 1})
        held.wait()
        gets = reader.ask(*[{"kind": "get", "key": "a"}] * GETS, {"kind": "ping"})
        with Wire(server.port) as other:  # who comes now is served, too, and its write waits its turn
            other.send({"kind": "get", "key": "a"}, {"kind": "set", "key": "b", "value": 2})
            came = other.line()
            until(lambda: problems(server.server) != [])
            stalled = problems(server.server)
            held.release()
            late = other.line()
        event = reader.line()
        first = writer.line()
        until(lambda: problems(server.server) == [])
        again = writer.ask({"kind": "set", "key": "a", "value": 3}, {"kind": "get", "key": "a"})
    library.end()
    return {
        "gets": gets,
        "came": came,
        "stalled": stalled,
        "late": late,
        "event": event,
        "first": first,
        "again": again,
    }


@pytest.mark.guarantee(5)
@pytest.mark.parametrize("secure", [False, True])
def test_g5_gets_pings_and_new_clients_are_answered_while_the_disk_hangs(
    worker: Worker, tmp_path: Path, secure: bool
) -> None:
    told = worker.call(f"{__name__}:asked_while_the_disk_hangs", path=str(tmp_path), secure=secure)
    nothing = {"kind": "value", "doc": None}
    assert told["gets"] == [nothing] * GETS + [{"kind": "pong"}], "G1: what is not durable is not seen"
    assert told["came"] == nothing
    assert told["first"] == {"kind": "ok", "version": 1, "revision": 1}
    assert told["late"] == {"kind": "ok", "version": 1, "revision": 2}
    assert told["event"]["event"]["new"] == 2
    assert [reply.get("doc") for reply in told["again"]] == [None, {"value": 3, "version": 2}]
    (problem,) = told["stalled"]
    assert "sync_stalled_seconds" in problem


@pytest.mark.guarantee(5)
def test_g5_a_server_whose_disk_hangs_is_unhealthy_reads_on_and_ends_at_sigterm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "PROGRAM", (sys.executable, "-m", "tests.support.hanging_server"))
    arguments = ("--port", "0", "--web", "127.0.0.1:0", "--data-dir", str(tmp_path / "db"))
    bounds = ("--drain-seconds", "1", "--sync-stalled-seconds", "1")
    environment = {**shim.environment(), "HANGING_PATH": str(tmp_path)}
    with (
        Process(*arguments, *bounds, environment=environment) as server,
        Wire(server.port) as writer,
        Wire(server.port) as reader,
    ):
        healthz = server.said[0].removeprefix("web page on ") + "healthz"
        assert status_of(healthz) == 200
        (tmp_path / "hang").touch()
        until((tmp_path / "hanging").exists)
        writer.send({"kind": "set", "key": "a", "value": 1})
        until((tmp_path / "hung").exists)
        until(lambda: status_of(healthz) == 503)
        assert reader.ask({"kind": "get", "key": "a"}) == [{"kind": "value", "doc": None}]
        code, errors = server.stop()
    assert code == 0
    assert "the disk does not answer" in errors
    assert "Traceback" not in errors
