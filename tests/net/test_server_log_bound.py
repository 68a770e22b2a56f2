"""A server whose log is at its bound: writes wait for the checkpoint, reads don't."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from fluxdb.errors import DiskFullError
from fluxdb.limits import KIB, Limits
from fluxdb.net.health import problems
from fluxdb.storage import database as database_module
from fluxdb.storage.snapshot.writer import write_snapshot
from tests.net.wire import Wire, threaded, until

LIMITS = Limits(
    log_bytes_max=128 * KIB, group_bytes_max=16 * KIB, checkpoint_log_bytes=0, checkpoint_interval_seconds=0
)
SET = {"kind": "set", "key": "k", "value": "x" * 1000}
WRITES = 200  # more log than the bound allows without a checkpoint
GET = {"kind": "get", "key": "k"}


def test_g11_writes_wait_for_the_checkpoint_and_reads_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running, go_on = threading.Event(), threading.Event()

    def hold(*arguments: object) -> int:
        running.set()
        assert go_on.wait(30)
        return write_snapshot(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(database_module, "write_snapshot", hold)
    with threaded(tmp_path, limits=LIMITS) as server, Wire(server.port) as writer, Wire(server.port) as reader:
        writer.send(*[SET] * WRITES)
        assert running.wait(30)
        until(lambda: server.server.engine.committer.log_is_full)
        assert reader.ask(GET)[0]["kind"] == "value"
        assert problems(server.server) == []
        go_on.set()
        replies = [writer.line() for _ in range(WRITES)]
    assert [reply["version"] for reply in replies] == list(range(1, WRITES + 1))


def test_a_checkpoint_that_fails_while_writes_wait_refuses_them_and_the_server_is_not_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> int:
        raise DiskFullError("no room") from OSError(errno.ENOSPC, "no room")

    with threaded(tmp_path, limits=LIMITS) as server, Wire(server.port) as client:
        with monkeypatch.context() as patch:
            patch.setattr(database_module, "write_snapshot", no_room)
            replies = client.ask(*[SET] * WRITES)
            refused = [reply for reply in replies if reply["kind"] == "error"]
            assert refused
            assert {reply["code"] for reply in refused} == {"disk_full"}
            assert all("log_bytes_max" in reply["message"] for reply in refused)
            assert client.ask(GET)[0]["kind"] == "value"
            assert len(problems(server.server)) == 1
            assert "log_bytes_max" in problems(server.server)[0]
        assert client.ask({"kind": "snapshot"})[0]["kind"] != "error"
        assert client.ask(SET)[0]["kind"] == "ok"
        assert problems(server.server) == []
