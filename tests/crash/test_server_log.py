"""Messages of a server whose log fails (G5)."""

from __future__ import annotations

import errno
import logging
from pathlib import Path
from typing import Any

import pytest

from fluxdb.net.health import problems
from tests.net.wire import Wire, threaded
from tests.support.shim import Call, Shim
from tests.support.worker import Worker


def failed_log(path: str) -> list[str]:
    """Return the log messages of a server whose log fails; runs in a worker."""
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(f"{record.levelname} {record.getMessage()}")  # type: ignore[method-assign]
    logger = logging.getLogger("fluxdb.server")
    logger.setLevel(logging.DEBUG)  # workers are silent else
    logger.addHandler(handler)
    shim = Shim()
    shim.begin(path)
    with threaded(Path(path) / "db") as server, Wire(server.port) as client:
        shim.fail(Call.SYNC, errno.EIO, part="log-")
        told.append(client.ask({"kind": "set", "key": "secret", "value": "secret"})[0]["code"])
    shim.end()
    return told


@pytest.mark.guarantee(5)
def test_g5_a_server_whose_log_failed_says_so_before_it_ends_and_shows_no_value(worker: Worker, tmp_path: Path) -> None:
    code, *told = worker.call(f"{__name__}:failed_log", path=str(tmp_path))
    assert code == "poisoned"
    (words,) = [line for line in told if line.startswith("ERROR")]
    assert "fdatasync failed" in words
    assert "secret" not in "".join(told)


def asked_of_a_failed_log(path: str) -> dict[str, Any]:
    """Return a server's answers before, while and after its log fails, and its own report of that; in a worker."""
    logging.getLogger("fluxdb.server").setLevel(logging.CRITICAL)
    shim = Shim()
    shim.begin(path)
    with threaded(Path(path) / "db") as server, Wire(server.port) as client:
        client.ask({"kind": "set", "key": "a", "value": "kept"})
        before = problems(server.server)
        shim.fail(Call.SYNC, errno.EIO, part="log-")
        lost, later = client.ask({"kind": "set", "key": "a", "value": "lost"}), client.ask({"kind": "del", "key": "a"})
        read = client.ask({"kind": "get", "key": "a"})
        after = problems(server.server)
    shim.end()
    return {"problems": (before, after), "lost": lost[0], "later": later[0], "read": read[0]}


@pytest.mark.guarantee(5)
def test_g5_a_server_whose_log_failed_is_not_healthy_takes_no_write_and_goes_on_reading(
    worker: Worker, tmp_path: Path
) -> None:
    told = worker.call(f"{__name__}:asked_of_a_failed_log", path=str(tmp_path))
    before, (after,) = told["problems"]
    assert before == []
    assert "fdatasync failed" in after
    assert (told["lost"]["code"], told["lost"]["maybe_applied"]) == ("poisoned", True)
    assert told["later"]["code"] == "poisoned"
    assert "maybe_applied" not in told["later"], "nothing of it was written"
    assert told["read"] == {"kind": "value", "doc": {"value": "kept", "version": 1}}
