"""``fluxdb-bench``: measures how fast the database is, in this process or over the network."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import fluxdb
from fluxdb.cli.connecting import Seconds, server_url
from fluxdb.cli.folder import ExpandedPath, Folder
from fluxdb.cli.password import read_password
from fluxdb.cli.program import Tool

if TYPE_CHECKING:
    from fluxdb.bench.targets import Settings

DEFAULT_OPERATIONS = 100_000
OPERATIONS_PER_SLOT = 1_000  # for each request in flight: if few are in flight, the default is smaller
IN_FLIGHT_MAX = 1 << 24  # the load generator's limit
COUNT_OPTIONS = {"SET": "writes", "GET": "reads", "PATCH": "patches", "DELETE": "deletes"}

COUNT = click.IntRange(1)


@click.command(cls=Tool, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--writes", type=COUNT, metavar="N", help="Measure N times SET.")
@click.option("--reads", type=COUNT, metavar="N", help="Measure N times GET.")
@click.option("--patches", type=COUNT, metavar="N", help="Measure N times PATCH.")
@click.option("--deletes", type=COUNT, metavar="N", help="Measure N times DELETE.")
@click.option("--mixed", is_flag=True, help="Measure SET, GET, PATCH, DEL in turn over 100 keys.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    metavar="C",
    help="Coroutines, threads, or connections.",
)
@click.option("--keys", type=COUNT, default=100_000, show_default=True, metavar="K", help="Number of keys.")
@click.option("--threads", is_flag=True, help="In process: threads instead of coroutines.")
@click.option("--network", is_flag=True, help="Over TCP; without --addr, to a server started for this run.")
@click.option(
    "--addr", metavar="HOST:PORT", help="A running server; PORT alone means this machine. Or fluxdb+unix:///PATH."
)
@click.option(
    "--protocol",
    type=click.Choice(["flux", "resp"]),
    default="flux",
    show_default=True,
    help="resp measures a Redis at --addr: no PATCH, and MIXED is SET, GET, SET, DEL.",
)
@click.option(
    "--pipeline", type=COUNT, default=1, show_default=True, metavar="P", help="Requests in flight on each connection."
)
@click.option(
    "--data-dir",
    type=Folder(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Measure on this folder, and keep it; without it, on a temporary one in the working directory. Overwrites "
    "the keys bench:0, bench:1, ...",
)
@click.option(
    "--password-file",
    type=ExpandedPath(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="A file of one line, the password (-: the first line of stdin); else FLUXDB_PASSWORD is (with resp: "
    "REDISCLI_AUTH).",
)
@click.option(
    "--timeout",
    type=Seconds(0, 1e6, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up on a server that is silent for this long.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON, times in microseconds.")
@click.version_option(fluxdb.__version__, message="fluxdb-bench %(version)s")
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Measure how many operations per second the database does, and how long each takes.

    Without any counts, all operations are measured. Documents for GET, PATCH and DELETE are stored before the clock
    starts. Each document is {"id": i, "data": "benchmark data"}.

    Exit codes: 0 ok, 1 the database said no, 2 usage (an option), 3 can't connect or timed out, 4 not authenticated,
    5 storage, 130 Ctrl-C.
    """
    from fluxdb.cli.bench.run import run

    settings = settings_of(options)
    counts = counts_of(options, settings)
    signal.signal(signal.SIGTERM, _on_terminate)
    context.exit(run(settings, counts, keys=options["keys"], as_json=options["as_json"]))


def settings_of(options: dict[str, Any]) -> Settings:
    """Check that the options go together. Raises UsageError."""
    from fluxdb.bench.targets import Settings
    from fluxdb.engine.remote.address import parse_url

    network = options["network"] or options["addr"] is not None
    address = None if options["addr"] is None else parse_url(server_url(options["addr"]))
    resp = options["protocol"] == "resp"
    for wrong, words in (
        (network and options["threads"], "--threads is for a database in this process, --network for a server"),
        (not network and options["pipeline"] > 1, "--pipeline is for --network: coroutines wait for each answer"),
        (resp and address is None, "--protocol resp needs the --addr of a Redis server"),
        (resp and options["patches"] is not None, "--patches: Redis has no PATCH"),
        (address is not None and options["data_dir"] is not None, "--data-dir: the server at --addr has its own"),
        (address is not None and address.tls, "--addr: the load generator does not speak TLS"),
        (
            options["concurrency"] * options["pipeline"] > IN_FLIGHT_MAX,
            f"more than {IN_FLIGHT_MAX:,} requests in flight",
        ),
    ):
        if wrong:
            raise click.UsageError(words)
    return Settings(
        network=network,
        address=address,
        protocol=options["protocol"],
        concurrency=options["concurrency"],
        pipeline=options["pipeline"],
        threads=options["threads"],
        data_dir=options["data_dir"],
        password=_password(options["password_file"], resp),
        timeout=options["timeout"],
    )


def counts_of(options: dict[str, Any], settings: Settings) -> dict[str, int]:
    """Return how often to measure each operation, in order."""
    counts = {operation: options[name] for operation, name in COUNT_OPTIONS.items() if options[name] is not None}
    default = min(DEFAULT_OPERATIONS, OPERATIONS_PER_SLOT * settings.concurrency * settings.pipeline)
    if not counts and not options["mixed"]:
        counts = {
            operation: default for operation in COUNT_OPTIONS if operation != "PATCH" or settings.protocol == "flux"
        }
        return {**counts, "MIXED": default}
    if options["mixed"]:
        counts["MIXED"] = max(counts.values(), default=default)
    return counts


def _password(path: Path | None, resp: bool) -> str | None:
    """Keep our password from a Redis, unless the user says to send it."""
    if resp and path is None:
        return os.environ.get("REDISCLI_AUTH")
    return read_password(path)


def _on_terminate(number: int, frame: object) -> None:
    """End as on Ctrl-C: the server and the folder that were made for this run are removed."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
