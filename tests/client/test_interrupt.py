"""Ctrl-C in a blocking call: the program has it at once, and the next call its own reply."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.client.test_cli import PATIENCE_SECONDS, ended, environment
from tests.client.test_faults import until
from tests.support.small_server import SmallServer

PROGRAM = """
import sys
import fluxdb
with fluxdb.open(sys.argv[1]) as db:
    db.set("a", 1)
    db.set("b", 2)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        db.get("a")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    sys.stdin.readline()
    print(db.get("b"))
"""


def test_ctrl_c_ends_the_wait_and_shifts_nothing(server: SmallServer) -> None:
    with ended(
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        server.silent = True
        running.stdin.write("\n")
        running.stdin.flush()
        until(lambda: b'{"kind":"get","key":"a"' in server.lines_seen)
        running.send_signal(signal.SIGINT)
        assert running.stdout.readline() == "interrupted\n"
        server.silent = False
        running.stdin.write("\n")
        running.stdin.flush()
        assert running.stdout.readline() == "Document(value=2, version=1)\n"
        assert running.wait(PATIENCE_SECONDS) == 0
