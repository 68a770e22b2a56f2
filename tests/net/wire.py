"""A client made of a socket, a server in a thread, and a server in a process: each wait has a bound."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from fluxdb.engine.local.engine import Engine
from fluxdb.limits import DEFAULT_LIMITS, Limits, ServerLimits
from fluxdb.net.certificate import Certificate
from fluxdb.net.listener import listen_tcp, listen_unix
from fluxdb.net.server import Server
from fluxdb.storage.database import Database
from tests.support.certificates import make_certificate
from tests.support.loops import run_on

PATIENCE_SECONDS = 30
SHORT_DRAIN = ServerLimits(drain_seconds=1)
T = TypeVar("T")

loop_kind = "asyncio"  # of servers in this process; conftest.py sets it for tests of both
secure = False  # whether they speak TLS; their clients then do, too. conftest.py sets it for tests of both
_trusting: dict[int, ssl.SSLContext] = {}  # for the clients of such servers, by their ports


@functools.cache
def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's, and one of clients that trust it."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = make_certificate(Path(folder))
        return Certificate(certificate, key).context, ssl.create_default_context(cafile=str(certificate))


def until(condition: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_SECONDS * 20):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never came to that")


class Wire:
    """One client, which blocks."""

    def __init__(self, address: int | str, *, tls: ssl.SSLContext | None = None, receive_bytes: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET if isinstance(address, int) else socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_SECONDS)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect(("127.0.0.1", address) if isinstance(address, int) else address)
        if tls is None and isinstance(address, int):
            tls = _trusting.get(address)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._lines = self.socket.makefile("rb")

    def send(self, *requests: Any) -> None:
        self.socket.sendall(b"".join(json.dumps(request).encode() + b"\n" for request in requests))

    def line(self) -> Any:
        line = self._lines.readline()
        assert line.endswith(b"\n"), f"the connection ended: {line!r}"
        return json.loads(line)

    def ask(self, *requests: Any) -> list[Any]:
        self.send(*requests)
        return [self.line() for _ in requests]

    def say_all(self) -> None:
        """Say that nothing more comes. For TLS without the end of TLS: Python's would wait for the server's."""
        with socket.socket(fileno=os.dup(self.socket.fileno())) as same:
            same.shutdown(socket.SHUT_WR)

    def rest(self) -> bytes:
        """All until the server closes."""
        return self._lines.read()

    def close(self) -> None:
        self._lines.close()
        self.socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Threaded:
    """A server in a thread of this process."""

    def __init__(self, path: Path, limits: Limits, unix: Path | None, settings: dict[str, Any]) -> None:
        self._path, self._limits, self._unix, self._settings = path, limits, unix, settings
        if secure:
            settings.setdefault("tls", tls_contexts()[0])
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: run_on(loop_kind, self._run()))
        self._thread.start()
        assert self._ready.wait(PATIENCE_SECONDS)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.engine = Engine(Database.open(self._path, self._limits), self._limits)
        self.server = Server(self.engine, **self._settings)
        self.port = self.server.listen(listen_tcp("127.0.0.1", 0)).port
        if secure:
            _trusting[self.port] = tls_contexts()[1]
        if self._unix is not None:
            self.server.listen(listen_unix(self._unix))
        self._ready.set()
        await self._stop.wait()
        await self.server.close()
        self.engine.close()

    def call(self, function: Callable[[], T]) -> T:
        """In the server's loop."""

        async def within() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(within(), self._loop).result(PATIENCE_SECONDS)

    def until(self, condition: Callable[[], bool]) -> None:
        until(lambda: self.call(condition))

    def close(self) -> None:
        """Idempotent."""
        if self._thread.is_alive() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_SECONDS)
        _trusting.pop(self.port, None)
        assert not self._thread.is_alive()


@contextmanager
def threaded(
    path: Path,
    server_limits: ServerLimits = SHORT_DRAIN,
    *,
    limits: Limits = DEFAULT_LIMITS,
    unix: Path | None = None,
    **settings: Any,
) -> Iterator[Threaded]:
    server = Threaded(path, limits, unix, {"limits": server_limits, **settings})
    try:
        yield server
    finally:
        server.close()


class Process:
    """``fluxdb-server`` in a separate process."""

    def __init__(
        self,
        *arguments: str,
        environment: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        program: tuple[str, ...] = (),
    ) -> None:
        self.process = subprocess.Popen(
            [*prefix, *(program or PROGRAM), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment() | (environment or {}),
        )
        assert self.process.stdout is not None
        line = b""
        self.said: list[str] = []
        while not line.startswith(b"server listening on 127"):
            line = self.process.stdout.readline()
            if not line:
                _, errors = self.process.communicate(timeout=PATIENCE_SECONDS)
                raise AssertionError(errors.decode())
            self.said.append(line.decode().rstrip())
        self.port = int(line.rpartition(b":")[2])

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code, and what it wrote to stderr but the line that names the database, which ``database`` has."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE_SECONDS)
        said = errors.decode().splitlines(keepends=True)
        self.database = "".join(line for line in said if line.startswith("database /"))
        return self.process.returncode, "".join(line for line in said if not line.startswith("database /"))

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=PATIENCE_SECONDS)


PROGRAM = (sys.executable, "-m", "fluxdb.cli.server.main")
_WITHOUT_UVLOOP = "import sys; sys.modules['uvloop'] = None; from fluxdb.cli.server.main import main; main()"
PROGRAMS = {"uvloop": PROGRAM, "asyncio": (sys.executable, "-c", _WITHOUT_UVLOOP)}


def clean_environment() -> dict[str, str]:
    """Without what would set the server, or this machine's tests, otherwise."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FLUXDB_")}


def run_program(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, stdout, stderr, of one that ends by itself."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        env=clean_environment() | (environment or {}),
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()
