"""A fluxdb-server and a redis-server of our own, equally durable, each on a free port of this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.comparison.redis import Redis

START_SECONDS_MAX = 60.0
READY = "server listening on "

# Neither writes its log anew, or a snapshot, in the middle of the other's turn.
OURS = ("--checkpoint-log-bytes", "0", "--checkpoint-interval-seconds", "0")
DURABLE_REDIS = ("--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")


@contextlib.contextmanager
def fluxdb_server(folder: Path, *options: str) -> Iterator[int]:
    """Its port. Ended with SIGTERM."""
    command = [sys.executable, "-c", "from fluxdb.cli.server.main import main; main()"]
    command += ["--port", "0", "--data-dir", str(folder), "--log-level", "error", *OURS, *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if line.startswith(f"{READY}/"):  # a Unix socket, besides
            line = process.stdout.readline()
        if not line.startswith(READY):
            raise RuntimeError(f"fluxdb-server did not start: it said {line!r}")
        yield int(line.rpartition(":")[2])
    finally:
        end(process)
        process.stdout.close()


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """Its port. Each write is synced before its reply. Raises MissingPeerError."""
    port = free_port()
    with Redis(folder, ("--port", str(port), "--bind", "127.0.0.1", *DURABLE_REDIS)) as server:
        if (server.setting(b"appendonly"), server.setting(b"appendfsync")) != (b"yes", b"always"):
            raise RuntimeError("redis-server does not sync each write")
        yield port


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(START_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Connected, without delay of small packets, non-blocking."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            made = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS_MAX))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setblocking(False)
            sockets.append(made)
        yield sockets
