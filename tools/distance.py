"""Large replies to a client that is far away: a GET beside as many bytes that a plain socket sends.

Between two network namespaces with packets of 1,500 bytes, each 20 ms on the way (a round trip of 40 ms).
"""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.net.wire import PATIENCE_SECONDS, PROGRAM, clean_environment
from tests.support.far_network import Host, far_network, why_not

DELAY_SECONDS = 0.02
SIZES = (100_000, 1_000_000, 15_000_000)
RATIO_MAX = 2.0
PORT, PLAIN_PORT = 7000, 7001  # in a namespace that holds nothing else
PASSWORD = "far away"


def strain_distance(folder: str, turns: int) -> int:
    """0 where our replies take at most twice as long."""
    reason = why_not()
    if reason:
        print(f"NOT MEASURED: {reason}", file=sys.stderr)
        return 1
    with far_network(DELAY_SECONDS) as (here, there), _serving(there, folder):
        command = [*here.prefix, sys.executable, "-m", "tools.distance", "measure", there.address, str(turns)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return _report(json.loads(done.stdout))


def _report(times: dict[str, list[tuple[float, float]]]) -> int:
    worst = 0.0
    for size, pairs in times.items():
        ratios = [ours / plain for ours, plain in pairs]
        ours, plain = (statistics.median(seconds) * 1e3 for seconds in zip(*pairs, strict=True))
        ratio = statistics.median(ratios)
        worst = max(worst, ratio)
        print(f"{int(size):,} bytes: GET {ours:,.0f} ms, a plain socket {plain:,.0f} ms; {ratio:.2f}x", end=" ")
        print(f"(median of {len(pairs)} turns; {min(ratios):.2f} to {max(ratios):.2f})")
    print(f"the worst is {worst:.2f}x, must be <= {RATIO_MAX:g}x")
    return 0 if worst <= RATIO_MAX else 1


@contextlib.contextmanager
def _serving(host: Host, folder: str) -> Iterator[None]:
    """A fluxdb-server and a plain one on that host."""
    database = [*PROGRAM, "--host", host.address, "--port", str(PORT), "--data-dir", str(Path(folder, "data"))]
    plain = [sys.executable, "-m", "tools.distance", "serve", host.address]
    environment = clean_environment() | {"FLUXDB_PASSWORD": PASSWORD}
    with contextlib.ExitStack() as stack:
        for command in (database, plain):
            process = subprocess.Popen([*host.prefix, *command], stdout=subprocess.PIPE, text=True, env=environment)
            stack.callback(_end, process)
            assert process.stdout is not None
            if "listening" not in process.stdout.readline():
                raise RuntimeError(f"{command} did not start")
        yield


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=PATIENCE_SECONDS)


def serve(address: str) -> None:
    """To each request, a number in a line, send so many bytes."""
    with socket.create_server((address, PLAIN_PORT)) as listening:
        print("listening", flush=True)
        connection, _ = listening.accept()
        with connection, connection.makefile("rb") as requests:
            for request in requests:
                connection.sendall(bytes(int(request)))


def measure(address: str, turns: int) -> dict[int, list[tuple[float, float]]]:
    """Seconds of ours and of the plain one, in turn, for each size."""
    import fluxdb

    times: dict[int, list[tuple[float, float]]] = {}
    with (
        fluxdb.open(f"fluxdb://{address}:{PORT}", password=PASSWORD) as db,
        socket.create_connection((address, PLAIN_PORT)) as plain,
    ):
        for size in SIZES:
            db.set("k", "y" * size)

            def take(size: int = size) -> None:
                plain.sendall(b"%d\n" % size)
                left = size
                while left:
                    left -= len(plain.recv(min(left, 1 << 20)))

            db.get("k")
            take()  # both windows are open
            times[size] = [(_seconds(lambda: db.get("k")), _seconds(take)) for _ in range(turns)]
    return times


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        print(json.dumps(measure(sys.argv[2], int(sys.argv[3]))))
