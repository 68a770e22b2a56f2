"""Running ``fluxdb`` like a user's shell: as a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120


class Ended(NamedTuple):
    """How a process ended, and what it printed."""

    code: int
    out: str
    err: str


Program = Callable[..., Ended]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of ours but what a process needs."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home), **more}


@pytest.fixture
def fluxdb(tmp_path: Path) -> Program:
    """Run ``fluxdb`` in ``tmp_path``, with these arguments, these bytes as stdin, and these environment variables."""

    def run(*arguments: str | bytes | Path, stdin: bytes = b"", **variables: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "fluxdb", *arguments],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env=environment(tmp_path, **variables),
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
