"""A server's process on this machine: single calls of the client, many connections, and events to many of them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys

import fluxdb
from benchmarks.common import KEYS, key, new_folder, percentile_us, size, value
from fluxdb._core.load.generator import LoadGenerator
from fluxdb._core.load.histogram import LatencyHistogram
from fluxdb._core.load.receiver import LoadReceiver

READY = "server listening on "
TIMEOUT_SECONDS = 30.0

WORKS = {
    "set": (b'{"kind":"set","key":"%b","value":{"id":123456,"data":"benchmark data"}}\n',),
    "get": (b'{"kind":"get","key":"%b"}\n',),
    "mixed": (
        b'{"kind":"set","key":"%b","value":{"id":123456,"data":"benchmark data"}}\n',
        b'{"kind":"get","key":"%b"}\n',
        b'{"kind":"patch","key":"%b","delta":{"id":1}}\n',
        b'{"kind":"del","key":"%b"}\n',
    ),
}


class Server:
    """Setup and teardown: a server with KEYS documents."""

    timeout = 120

    def setup(self, *_: object) -> None:
        self.stack = contextlib.ExitStack()
        command = [sys.executable, "-c", "from fluxdb.cli.server.main import main; main()", "--log-level", "error"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--data-dir", new_folder()], stdout=subprocess.PIPE, text=True, env=environment
        )
        self.stack.callback(self._end)
        line = self.process.stdout.readline()
        if not line.startswith(READY):
            raise RuntimeError(f"the server did not start: it said {line!r}")
        self.port = int(line.rpartition(":")[2])
        with fluxdb.open(f"fluxdb://127.0.0.1:{self.port}") as db:
            for number in range(KEYS):
                db.set(key(number), value(number))

    def teardown(self, *_: object) -> None:
        self.stack.close()

    def connect(self, count: int) -> list[socket.socket]:
        sockets = []
        for _ in range(count):
            made = self.stack.enter_context(socket.create_connection(("127.0.0.1", self.port), TIMEOUT_SECONDS))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets.append(made)
        return sockets

    def _end(self) -> None:
        self.process.terminate()
        self.process.wait(TIMEOUT_SECONDS)
        self.process.stdout.close()


class Client(Server):
    """One call at a time of the blocking client: p50 and p99, in microseconds."""

    params = (("set", "get"), (50, 99))
    param_names = ("work", "percent")
    unit = "us"

    def setup(self, *_: object) -> None:
        super().setup()
        self.db = self.stack.enter_context(fluxdb.open(f"fluxdb://127.0.0.1:{self.port}"))

    def track_latency(self, work: str, percent: int) -> float:
        return percentile_us(self._set if work == "set" else self._get, size(2_000), percent)

    def _set(self, number: int) -> None:
        self.db.set(key(number % KEYS), value(number))

    def _get(self, number: int) -> None:
        self.db.get(key(number % KEYS))


class Connections(Server):
    """Requests of the compiled load generator: connections, and requests in flight on each.

    asv takes less for better: so it is the time for each request, not how many a second.
    """

    params = (("set", "get", "mixed"), ((1, 1), (100, 1), (100, 16)))
    param_names = ("work", "connections, in flight")

    def setup(self, work: str, load: tuple[int, int]) -> None:
        super().setup()
        connections, pipeline = load
        requests = [form % key(number).encode() for number in range(KEYS) for form in WORKS[work]]
        sockets = self.connect(connections)
        for each in sockets:
            each.setblocking(False)
        lengths = [len(request) for request in requests]
        self.generator = LoadGenerator(sockets, b"".join(requests), lengths, protocol="flux", pipeline=pipeline)
        self.total = size(2_000 if connections == 1 else 20_000 * pipeline)
        self._run(self.total // 4)

    def track_us_per_request(self, work: str, load: tuple[int, int]) -> float:
        return self._run(self.total)[0]

    track_us_per_request.unit = "us"  # type: ignore[attr-defined]

    def track_p99(self, work: str, load: tuple[int, int]) -> float:
        return self._run(self.total)[1]

    track_p99.unit = "us"  # type: ignore[attr-defined]

    def _run(self, total: int) -> tuple[float, float]:
        latencies = LatencyHistogram()
        result = self.generator.run(total, latencies)
        if result.errors:
            raise RuntimeError(result.first_error)
        return result.elapsed_ns / 1e3 / total, latencies.percentile(99) / 1e3


class Events(Server):
    """Writes to a key that so many connections subscribed: the time for each event."""

    params = (1, 100)
    param_names = ("connections",)

    def setup(self, connections: int) -> None:
        super().setup()
        *subscribers, writer = self.connect(connections + 1)
        for each in subscribers:
            each.sendall(b'{"kind":"subscribe","key":"%b"}\n' % key(0).encode())
            while not each.recv(4_096).endswith(b"\n"):
                pass
        for each in (*subscribers, writer):
            each.setblocking(False)
        self.receiver = LoadReceiver(subscribers, writer, WORKS["set"][0] % key(0).encode())

    def track_us_per_event(self, connections: int) -> float:
        writes = size(2_000)
        return self.receiver.run(writes) / 1e3 / (connections * writes)

    track_us_per_event.unit = "us"  # type: ignore[attr-defined]
