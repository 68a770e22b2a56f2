"""etcd, one member, which syncs its log before each answer: driven by h2load, which speaks its gRPC natively."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson

from tools.comparison import documents, peers
from tools.comparison.figure import Measurement, alternate
from tools.comparison.network import CONNECTIONS, Work, side
from tools.comparison.peers import MissingPeerError
from tools.comparison.servers import SERVER_SECONDS_MAX, end, fluxdb_server, free_port
from tools.comparison.setting import Setting

KEY = documents.key(1).encode()
VALUE = orjson.dumps(documents.value(1))
NOTE = "etcd: one member, one key, gRPC by h2load with one thread; ours by our load generator"


def set_rate(setting: Setting) -> Measurement:
    """SETs per second against etcd's Put."""
    return _measurement(setting, "set", "Put")


def get_rate(setting: Setting) -> Measurement:
    """GETs per second against etcd's Range of one key, linearizable as it comes."""
    return _measurement(setting, "get", "Range")


def _measurement(setting: Setting, work: str, method: str) -> Measurement:
    ours = Work(work, CONNECTIONS, 1, setting.pick(40_000, 2_000))
    calls = setting.pick(10_000, 1_000)
    with setting.fresh("etcd") as folder, ExitStack() as stack:
        server = stack.enter_context(etcd_server(folder / "etcd"))
        port = stack.enter_context(fluxdb_server(folder / "ours"))
        network = stack.enter_context(side(port, "flux", ours))
        server.put(1)
        turns = alternate(setting.pick(6, 2), lambda: network.run(ours.total).rate, lambda: server.rate(method, calls))
    return Measurement(turns, [NOTE])


class Etcd:
    """A running server."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._client = peers.program("h2load")
        self._bodies = {name: folder / name for name in ("Put", "Range")}
        self._bodies["Put"].write_bytes(grpc_message(field(1, KEY) + field(2, VALUE)))
        self._bodies["Range"].write_bytes(grpc_message(field(1, KEY)))

    def put(self, count: int) -> None:
        self.rate("Put", count)

    def rate(self, method: str, count: int) -> float:
        """Calls per second of 100 clients. Raises RuntimeError where not every one did what it should."""
        before = self.revision()
        command = [self._client, "-t", "1", "-c", str(min(count, CONNECTIONS)), "-m", "1", "-n", str(count)]
        command += ["-d", str(self._bodies[method]), "-H", "content-type: application/grpc", "-H", "te: trailers"]
        done = subprocess.run(
            [*command, f"{self._url}/etcdserverpb.KV/{method}"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        written = self.revision() - before
        if f"{count} succeeded" not in done.stdout or written != (count if method == "Put" else 0):
            raise RuntimeError(f"h2load said, with {written} written: {done.stdout[-800:]} {done.stderr[-200:]}")
        return parsed_rate(done.stdout)

    def revision(self) -> int:
        """Return the revision of the whole store: it grows by one with each Put that is committed."""
        request = json.dumps({"key": base64.b64encode(KEY).decode()}).encode()
        with urllib.request.urlopen(f"{self._url}/v3/kv/range", request, timeout=10) as answer:
            return int(json.load(answer)["header"]["revision"])


@contextlib.contextmanager
def etcd_server(folder: Path) -> Iterator[Etcd]:
    """Raises MissingPeerError."""
    program = peers.program("etcd")
    folder.mkdir(parents=True)
    url = f"http://127.0.0.1:{free_port()}"
    command = [program, "--data-dir", str(folder / "data"), "--log-level", "error"]
    command += ["--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", "http://127.0.0.1:0"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True)
        try:
            server = Etcd(url, folder)
            _wait(server, process)
            yield server
        finally:
            end(process)


def _wait(server: Etcd, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + SERVER_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, urllib.error.URLError):
            server.revision()
            return
        time.sleep(0.05)
    raise MissingPeerError("etcd did not start")


def grpc_message(body: bytes) -> bytes:
    """A message as gRPC frames it: not compressed, its length, itself."""
    return b"\0" + len(body).to_bytes(4, "big") + body


def field(number: int, content: bytes) -> bytes:
    """A field of bytes in a protocol buffer, of less than 128 of them."""
    if len(content) > 127:
        raise ValueError("its length would need a second byte")
    return bytes([number << 3 | 2, len(content)]) + content


def parsed_rate(output: str) -> float:
    """From h2load's "finished in 509.47ms, 9814.20 req/s, ..."."""
    found = re.search(r"^finished in [0-9.]+\w+, ([0-9.]+) req/s", output, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"h2load did not say how fast it was: {output[-500:]}")
    return float(found.group(1))
