"""Tests of a server under strain, which the test suite leaves out: python -m tools.straining WHAT [OPTIONS]"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fluxdb._core.load.generator import LoadGenerator
from fluxdb._core.load.histogram import LatencyHistogram
from tests.net.wire import Process, Wire
from tests.support import memory_group
from tests.support.dropping import drop_all, settle
from tests.support.herd import allow_descriptors, stalled
from tests.support.memory_group import MemoryGroup
from tests.support.process_numbers import numbers_of
from tools.distance import strain_distance

LIMIT_BYTES = 128 << 20
STALLED = 1_000
WRITERS = 16
WRITES = 40_000  # of a window
WATCHED_EVERY = 16  # writes go to the key that all watch, the others to keys that nobody does
VALUE_BYTES = 1_000
FILL_BYTES, FILL_WRITES = 16_000, 24  # so much fills what the system holds for a client, and evicts none
FILLED_SECONDS = 1.0  # in which the system hands over what it was given, before writes are timed
RATIO_MAX = 1.25
LEFT_BYTES_MAX = 16  # of a connection, when the allocator has found its shape


def main() -> int:
    """0 where what is measured is within its bounds."""
    parser = argparse.ArgumentParser(prog="tools/strain")
    parser.add_argument("what", choices=("stalled", "connections", "distance"))
    parser.add_argument("--turns", type=int, default=7, help="of stalled, distance: so often either side")
    parser.add_argument("--rounds", type=int, default=12, help="of connections: so often all of them")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--data-dir", type=Path, default=Path("/var/tmp"), help="on a real disk (default: %(default)s)")
    arguments = parser.parse_args()
    allow_descriptors(max(STALLED, arguments.connections) + 300)
    with tempfile.TemporaryDirectory(prefix="fluxdb-strain-", dir=arguments.data_dir) as folder:
        if arguments.what == "stalled":
            return strain_stalled(folder, arguments.turns)
        if arguments.what == "distance":
            return strain_distance(folder, arguments.turns)
        return strain_connections(folder, arguments.connections, arguments.rounds)


# ---- 1,000 who read nothing


@contextlib.contextmanager
def limited() -> Iterator[MemoryGroup | None]:
    reason = memory_group.why_not()
    if reason:
        print(f"WITHOUT a limit of memory: {reason}", file=sys.stderr)
        yield None
        return
    with memory_group.memory_group(LIMIT_BYTES) as group:
        yield group


def strain_stalled(folder: str, turns: int) -> int:
    """Writers' p99 without them, and with them, in turn."""
    ratios, fractions_told = [], []
    print(
        f"{WRITERS} writers, one write in flight each, {WRITES:,} writes a window; every {WATCHED_EVERY}th is watched"
    )
    with (
        limited() as group,
        Process("--port", "0", "--data-dir", folder, prefix=group.prefix if group else ()) as server,
        Wire(server.port) as asking,
        writers(server.port) as load,
    ):
        window(load)
        for turn in range(turns):
            without = window(load)
            with stalled(server.port, "news", STALLED):
                fill(asking)
                waiting = asking.ask({"kind": "info"})[0]["info"]["subscribers"]
                having = window(load)
                left = asking.ask({"kind": "info"})[0]["info"]["subscribers"]
            settle(server.port, others=WRITERS + 1)
            again = window(load)
            with stalled(server.port, "news", STALLED):
                told = window(load)
            settle(server.port, others=WRITERS + 1)
            ratios.append(having / without)
            fractions_told.append(told / again)
            print(
                f"turn {turn + 1}: p99 without {without / 1e3:,.0f} us; with {waiting:,} stalled {having / 1e3:,.0f} us"
            )
            print(f"  {having / without:.2f}x; {waiting - left:,} of them were evicted meanwhile;", end=" ")
            print(f"while 1,000 are being filled {told / 1e3:,.0f} us, {told / again:.2f}x", flush=True)
        if group is not None:
            sockets = f", sockets besides {group.socket_peak_bytes / 2**20:.0f} MiB" if group.socket_peak_bytes else ""
            print(f"memory: peak {group.peak_bytes / 2**20:.0f} MiB of 128, cached files included{sockets};", end=" ")
            print(f"{group.oom_kills} killed")
    ratio = statistics.median(ratios)
    print(f"while 1,000 are being filled: {statistics.median(fractions_told):.2f}x (median)")
    print(f"with 1,000 that are stalled: {ratio:.2f}x (median; {min(ratios):.2f} to {max(ratios):.2f})", end=", ")
    print(f"must be <= {RATIO_MAX}x")
    return 0 if ratio <= RATIO_MAX else 1


@contextlib.contextmanager
def writers(port: int) -> Iterator[LoadGenerator]:
    value = json.dumps("x" * VALUE_BYTES).encode()
    keys = ["news" if i % WATCHED_EVERY == 0 else f"key{i}" for i in range(256)]
    requests = [b'{"kind":"set","key":"%b","value":%b}\n' % (key.encode(), value) for key in keys]
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(WRITERS)]
        for each in sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.setblocking(False)
        yield LoadGenerator(sockets, b"".join(requests), map(len, requests), protocol="flux")


def window(load: LoadGenerator) -> int:
    """The p99 of so many writes, in ns."""
    latencies = LatencyHistogram()
    result = load.run(WRITES, latencies)
    assert (result.replies, result.errors) == (WRITES, 0), result
    return latencies.percentile(99)


def fill(asking: Wire) -> None:
    value = "x" * FILL_BYTES
    for _ in range(FILL_WRITES):
        asking.ask({"kind": "set", "key": "news", "value": value})
    time.sleep(FILLED_SECONDS)


# ---- connections that come and go


def strain_connections(folder: str, connections: int, rounds: int) -> int:
    """Return what is left of them: the second half of the rounds against the middle one."""
    held = []
    with Process("--port", "0", "--data-dir", folder) as server:
        for number in range(rounds):
            drop_all(server.port, connections)
            numbers = numbers_of(server.process.pid)
            held.append(numbers.memory_bytes)
            words = f"{numbers.descriptors} descriptors, {numbers.threads} threads"
            print(f"round {number + 1}: {words}, {numbers.memory_bytes / 1024:,.0f} KiB", flush=True)
    half = rounds // 2
    left = (min(held[half:][-3:]) - held[half - 1]) / (connections * (rounds - half))
    print(f"left of a connection: {left:.1f} bytes, must be <= {LEFT_BYTES_MAX}")
    return 0 if left <= LEFT_BYTES_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
