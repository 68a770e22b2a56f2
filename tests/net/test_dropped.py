"""10,000 connections opened and dropped, half of them in the middle of a line: nothing is left of them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.net.wire import PATIENCE_SECONDS, Process, Wire
from tests.support.dropping import drop_all
from tests.support.process_numbers import Numbers, numbers_of

CONNECTIONS = 10_000
ROUNDS = 2
# The allocator goes on finding its shape for some rounds; 100 bytes left of each connection would be more.
# `tools/strain connections` looks at many rounds, and closer.
MEMORY_BYTES_MAX = 2 << 20


def numbers_at_rest(pid: int, expected: Numbers | None = None) -> Numbers:
    """Return the process's use once it is within the expected descriptors and threads; otherwise the last one seen."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        numbers = numbers_of(pid)
        if (
            expected is None
            or (numbers.descriptors <= expected.descriptors and numbers.threads <= expected.threads)
            or time.monotonic() > until
        ):
            return numbers
        time.sleep(0.05)  # a checkpoint or a new segment may be in progress


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process holds")
def test_10_000_connections_that_drop_leave_nothing_behind(tmp_path: Path) -> None:
    with Process("--port", "0", "--data-dir", str(tmp_path)) as server:
        drop_all(server.port, CONNECTIONS)  # what is allocated once, is now
        before = numbers_at_rest(server.process.pid)
        for _ in range(ROUNDS):
            drop_all(server.port, CONNECTIONS)
        after = numbers_at_rest(server.process.pid, before)
        assert after.descriptors <= before.descriptors
        assert after.threads <= before.threads
        assert after.memory_bytes - before.memory_bytes < MEMORY_BYTES_MAX
        with Wire(server.port) as client:
            assert client.ask({"kind": "set", "key": "a", "value": 1})[0]["kind"] == "ok"
        code, errors = server.stop()
    assert code == 0
    assert "Traceback" not in errors
