"""Measures a server: connections, requests, and the compiled load generator between them."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator

import click
import orjson

from fluxdb._core.load_generator import LoadGenerator
from fluxdb._core.load_histogram import LatencyHistogram
from fluxdb.bench.requests import MIXED_KEYS, requests_of
from fluxdb.errors import ConnectionLostError


@contextlib.contextmanager
def connected(host: str, port: int, count: int, timeout: float) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            try:
                made = stack.enter_context(socket.create_connection((host, port), timeout))
            except OSError as error:
                raise ConnectionLostError(f"can't connect to {host}:{port}: {error.strerror or error}") from None
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setblocking(False)
            sockets.append(made)
        yield sockets


@click.command()
@click.option("--addr", default="127.0.0.1:7000")
@click.option("--protocol", type=click.Choice(["flux", "resp"]), default="flux")
@click.option("--connections", default=100)
@click.option("--pipeline", default=1)
@click.option("--requests", default=200_000)
@click.option("--keys", default=10_000)
@click.option("--work", default="set", help="set, get, patch, delete, mixed; several with commas, in turn.")
@click.option("--json", "as_json", is_flag=True)
def main(
    addr: str, protocol: str, connections: int, pipeline: int, requests: int, keys: int, work: str, as_json: bool
) -> None:
    host, _, port = addr.rpartition(":")
    for operation in work.upper().split(","):
        built = requests_of(protocol, operation, 0, MIXED_KEYS if operation == "MIXED" else min(keys, requests))
        latencies = LatencyHistogram()
        with connected(host, int(port), connections, 10) as sockets:
            generator = LoadGenerator(sockets, built.text, built.lengths, protocol=protocol, pipeline=pipeline)
            result = generator.run(requests, latencies)
        rate = result.replies / (result.elapsed_ns / 1e9)
        p50, p95, p99 = (latencies.percentile(p) / 1e3 for p in (50, 95, 99))
        if as_json:
            row = {"operation": operation, "throughput": rate, "p50_us": p50, "p95_us": p95, "p99_us": p99}
            sys.stdout.write(orjson.dumps({**row, "errors": result.errors}).decode() + "\n")
        else:
            sys.stdout.write(
                f"{operation:8} {rate:12,.0f}/s  p50 {p50:9.1f} us  p95 {p95:9.1f} us  p99 {p99:9.1f} us"
                f"  errors {result.errors} {result.first_error}\n"
            )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
