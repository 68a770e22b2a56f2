"""Running ``fluxdb-bench`` as a separate process, and reading its table."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Ended, environment

PATIENCE_SECONDS = 120
COMMAND = (sys.executable, "-m", "fluxdb.cli.bench.main")
ROW = re.compile(r"([A-Z]+) +([\d,]+) op/s" + r" +([\d.]+ (?:us|ms|s))" * 3)

Bench = Callable[..., Ended]


def bench_in(folder: Path) -> Bench:
    """Return the arguments of a process that runs it in ``folder``, with these arguments and environment variables."""

    def run(*arguments: str | Path, **variables: str) -> Ended:
        done = subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=environment(folder, **variables),
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def rows(ended: Ended) -> list[str]:
    """The operations of the table."""
    assert ended.code == 0, ended.err
    head, *lines = ended.out.splitlines()
    assert head.split() == ["operation", "throughput", "P50", "P95", "P99"]
    found = [ROW.fullmatch(line) for line in lines]
    assert all(found), ended.out
    assert len({len(line) for line in (head, *lines)}) == 1  # the columns stand one below the other
    return [match[1] for match in found if match is not None]
