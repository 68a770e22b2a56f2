"""The shell in a real pseudo-terminal: somebody types, and events come meanwhile."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest

from tests.client.test_faults import until
from tests.support.small_server import SmallServer

ROOT = Path(__file__).parents[2]
PROMPT = "fluxdb>"


@pytest.fixture
def shell(server: SmallServer, tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "fluxdb.cli.client.main", "--addr", f"127.0.0.1:{server.port}", "shell"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(tmp_path),
            "TERM": "xterm-256color",
            "PROMPT_TOOLKIT_NO_CPR": "1",  # nobody here answers where the cursor is
        },
        encoding="utf-8",
        timeout=60,
        dimensions=(30, 100),
    )
    child.expect_exact(PROMPT)
    yield child
    child.close(force=True)


def run(child: pexpect.spawn[str], line: str, answer: str) -> None:
    child.send(line + "\r")
    child.expect_exact(answer)
    child.expect_exact(PROMPT)


def test_events_of_others_come_while_a_line_is_being_typed(server: SmallServer, shell: pexpect.spawn[str]) -> None:
    run(shell, "SUBSCRIBE user", "ok, subscribed to user")
    shell.send("GET us")
    shell.expect_exact("GET us")
    server.engine.set("user", b'{"age":21}')
    shell.expect_exact('[event] set user: nil -> {"age":21}, version 1')
    shell.send("er\r")
    shell.expect_exact('Document { value: {"age":21}, version: 1 }')
    shell.send("EXIT\r")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 0


def test_a_server_that_goes_and_comes_back_is_told_and_the_shell_goes_on(
    server: SmallServer, shell: pexpect.spawn[str]
) -> None:
    run(shell, "SUBSCRIBE k", "ok, subscribed to k")
    server.stop()
    shell.expect_exact("events may have been missed")
    run(shell, "GET k", "refused")
    server.start()
    until(lambda: server.engine.notify.subscribers == 1)
    server.engine.set("k", b"1")
    shell.expect_exact("[event] set k: nil -> 1, version 1")
    run(shell, "GET k", "Document { value: 1, version: 1 }")
