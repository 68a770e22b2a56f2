"""Our fluxdb-server and redis-server, equally durable, each on a free port of this machine.

Redis is also spoken to on a Unix socket, to load, save and measure it.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tools.comparison import peers
from tools.comparison.peers import MissingPeerError

if TYPE_CHECKING:
    from typing_extensions import Self

SERVER_SECONDS_MAX = 60.0
READY = "server listening on "

# Neither rewrites its log, or writes a snapshot, in the middle of the other's turn.
OURS = ("--checkpoint-log-bytes", "0", "--checkpoint-interval-seconds", "0")
DURABLE_REDIS = ("--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")

REDIS_SECONDS_MAX = 120.0
PIPELINE_BYTES = 256 * 1024
CRON_SECONDS = 0.5  # the server looks at its resident size now and then only


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
        process.wait(SERVER_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Connected, without delay of small packets, non-blocking."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            made = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SERVER_SECONDS_MAX))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setblocking(False)
            sockets.append(made)
        yield sockets


class Redis:
    """A server without automatic persistence; ``save`` writes an RDB that the next start loads.

    ``options`` go behind those, and so before them in what they say.
    """

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "redis.log"
        self._log.unlink(missing_ok=True)
        # A socket's path has about 100 bytes at most: a relative one does not depend on the folder.
        command = [peers.program("redis-server"), "--port", "0", "--unixsocket", "redis.sock", "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", str(self._log)]
        command += options
        self._process = subprocess.Popen(command, cwd=folder)
        try:
            self._socket = self._connect(folder)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        self._reader = self._socket.makefile("rb")

    def load(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """SETs all pairs, pipelined."""
        batch = bytearray()
        waiting = 0
        for key, value in pairs:
            batch += b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(key), key, len(value), value)
            waiting += 1
            if len(batch) >= PIPELINE_BYTES:
                self._exchange(batch, waiting)
                waiting = 0
        self._exchange(batch, waiting)

    def index(self, keys: Iterable[bytes]) -> None:
        """Put all keys into one sorted set, of equal scores: what ZRANGEBYLEX needs."""
        batch = bytearray()
        waiting = 0
        for key in keys:
            batch += b"*4\r\n$4\r\nZADD\r\n$4\r\nkeys\r\n$1\r\n0\r\n$%d\r\n%b\r\n" % (len(key), key)
            waiting += 1
            if len(batch) >= PIPELINE_BYTES:
                self._exchange(batch, waiting, b":1")
                waiting = 0
        self._exchange(batch, waiting, b":1")

    def range(self, start: bytes, count: int) -> list[bytes]:
        """The values of the next keys: ZRANGEBYLEX, then MGET of what it said."""
        keys = self._array(b"ZRANGEBYLEX", b"keys", b"[" + start, b"+", b"LIMIT", b"0", b"%d" % count)
        return self._array(b"MGET", *keys)

    def _array(self, *words: bytes) -> list[bytes]:
        self._socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in words))
        count = int(self._line()[1:])
        found: list[bytes] = []
        for _ in range(count):
            size = int(self._line()[1:])
            found.append(self._reader.read(size + 2)[:-2])
        return found

    def memory(self) -> dict[str, int]:
        """``used_memory`` and ``used_memory_rss``, in bytes."""
        time.sleep(CRON_SECONDS)
        self._socket.sendall(b"*2\r\n$4\r\nINFO\r\n$6\r\nmemory\r\n")
        size = int(self._line()[1:])
        text = self._reader.read(size + 2).decode()
        return {name: int(number) for name, number in re.findall(r"^(used_memory(?:_rss)?):(\d+)", text, re.MULTILINE)}

    def setting(self, name: bytes) -> bytes:
        """Return the value of CONFIG GET."""
        self._socket.sendall(b"*3\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(name), name))
        *_, value = (self._line() for _ in range(5))  # *2, $n, its name, $n, its value
        return value

    def save(self) -> None:
        self._socket.sendall(b"*1\r\n$4\r\nSAVE\r\n")
        answer = self._line()
        if answer != b"+OK":
            raise RuntimeError(f"redis-server did not save: {answer!r}")

    def seconds_to_load(self) -> float | None:
        """Return the time that the server logged for loading its snapshot at the start; None if it loaded none."""
        found = re.search(r"DB loaded from disk: ([0-9.]+) seconds", self._log.read_text())
        return float(found.group(1)) if found else None

    def close(self) -> None:
        """Ends the server without saving."""
        self._reader.close()
        self._socket.close()
        self._process.terminate()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _connect(self, folder: Path) -> socket.socket:
        deadline = time.monotonic() + REDIS_SECONDS_MAX
        here = Path.cwd()
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise MissingPeerError(f"redis-server ended at once: {self._log.read_text()[-200:]}")
            client = socket.socket(socket.AF_UNIX)
            os.chdir(folder)
            try:
                client.connect("redis.sock")
                client.sendall(b"PING\r\n")
                if client.recv(100).startswith(b"+PONG"):
                    return client
            except OSError:
                pass
            finally:
                os.chdir(here)
            client.close()
            time.sleep(0.02)
        raise MissingPeerError("redis-server did not answer in time")

    def _exchange(self, batch: bytearray, waiting: int, expected: bytes = b"+OK") -> None:
        self._socket.sendall(batch)
        batch.clear()
        for _ in range(waiting):
            answer = self._line()
            if answer != expected:
                raise RuntimeError(f"redis-server rejected a write: {answer!r}")

    def _line(self) -> bytes:
        line: bytes = self._reader.readline()
        return line.rstrip(b"\r\n")
