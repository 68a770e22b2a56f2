"""What a server says whose log fails (G5)."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

import pytest

from tests.net.wire import Wire, threaded
from tests.support.shim import Call, Shim
from tests.support.worker import Worker


def failed_log(path: str) -> list[str]:
    """What a server logs whose log fails; runs in a worker."""
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
