"""A server of the benchmark's own: a process beside this one, on a port that the system picks."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fluxdb.engine.remote.address import Address
from fluxdb.errors import ConnectionLostError, RequestTimeoutError

START_SECONDS = 60.0
STOP_SECONDS = 60.0
READY = b"server listening on "
COMMAND = (sys.executable, "-m", "fluxdb.cli.server.main", "--host", "127.0.0.1", "--port", "0", "--data-dir")


@contextlib.contextmanager
def own_server(folder: Path, *, connections: int) -> Iterator[Address]:
    """A server of ``folder`` that takes so many connections, until the end of the block.

    Raises ConnectionLostError, RequestTimeoutError where it does not come up.
    """
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            [*COMMAND, str(folder), "--connections-max", str(connections + 1)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=words,
            env=_plain_environment(),
        )
        try:
            assert process.stdout is not None
            yield _address(process.stdout, words)
        finally:
            _stop(process)


def _plain_environment() -> dict[str, str]:
    """Return the environment without the user's settings for a server of theirs, such as a password."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FLUXDB_")}


def _address(output: IO[bytes], words: IO[bytes]) -> Address:
    """Return the address on which the server listens: its first line says so."""
    if not select.select([output], [], [], START_SECONDS)[0]:
        raise RequestTimeoutError(f"the server was not ready within {START_SECONDS:g} s")
    line = output.readline().strip()
    if not line.startswith(READY):
        words.seek(0)
        said = words.read().decode("utf-8", "replace").strip()
        raise ConnectionLostError(f"the server did not start: {said or line.decode('utf-8', 'replace')}")
    host, _, port = line.removeprefix(READY).decode().rpartition(":")
    return Address(host, int(port))


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        if process.stdout is not None:
            process.stdout.close()
