"""The work of ``fluxdb-bench``: measure, and print the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import orjson

from fluxdb.bench.folder import memory_filesystem
from fluxdb.bench.targets import Settings, open_target
from fluxdb.bench.work import PERCENTILES, Bench, Commits, Result
from fluxdb.cli import exits, render
from fluxdb.cli.output import Lines, standard_lines
from fluxdb.cli.progress import progress_bar
from fluxdb.cli.text import one_line

HEAD = ("operation", "throughput", *(f"P{percent}" for percent in PERCENTILES))
WIDTHS = (9, 16, 11, 11, 11)


def run(settings: Settings, counts: Mapping[str, int], *, keys: int, as_json: bool) -> int:
    """Run all measurements; return the exit code. A row is printed as soon as it is measured."""
    lines = standard_lines()
    _warn(settings, lines)
    results: list[Result] = []
    try:
        with open_target(settings) as target:
            lines.note(_title(settings))
            bench = Bench(target, keys, partial(progress_bar, "storing"))
            for operation, count in counts.items():
                with progress_bar(f"{operation:6}") as progress:
                    result = bench.measure(operation, count, progress)
                if not as_json:
                    _print_row(result, lines, is_first=not results)
                results.append(result)
    finally:
        if results and as_json:
            members = {"settings": settings.members(), "results": [result.members() for result in results]}
            lines.line(orjson.dumps(members).decode())
    durable = _durable(results)
    if durable and not as_json:
        lines.note(durable)
    return _report_refused(results, lines)


def _report_refused(results: Sequence[Result], lines: Lines) -> int:
    refused = [result for result in results if result.outcome.errors]
    for result in refused:
        outcome = result.outcome
        message = f"{result.operation}: {outcome.errors:,} of {result.operations:,} were refused; the first answer: "
        lines.error(render.error(message + one_line(outcome.first_error)))
    return exits.REFUSED if refused else exits.OK


def _print_row(result: Result, lines: Lines, *, is_first: bool) -> None:
    for row in ([HEAD] if is_first else []) + [_row(result)]:
        lines.line(row[0].ljust(WIDTHS[0]) + "".join(map(str.rjust, row[1:], WIDTHS[1:])))


def _durable(results: Sequence[Result]) -> str:
    """Return what the figures of writes stand for; "" if nothing was written, or the server does not tell."""
    commits = sum((result.commits for result in results if result.commits is not None), Commits())
    if not commits.groups:
        return ""
    return (
        f"every write was durable before it was acknowledged: {commits.groups:,} "
        f"{_plural('group', commits.groups)} of {commits.mean_group:,.1f} writes on average, each synced (fdatasync)"
    )


def _row(result: Result) -> tuple[str, ...]:
    times = (_time(result.percentile_us(percent)) for percent in PERCENTILES)
    return result.operation, f"{result.throughput:,.0f} op/s", *times


def _time(us: float) -> str:
    """Format a time in its most readable unit."""
    if us < 999.95:
        return f"{us:.1f} us"
    return f"{us / 1e3:.2f} ms" if us < 999_995 else f"{us / 1e6:.2f} s"


def _title(settings: Settings) -> str:
    count = settings.concurrency
    if not settings.network:
        return f"in process, {count:,} " + _plural("thread" if settings.threads else "coroutine", count)
    server = "a server started for this run" if settings.address is None else str(settings.address)
    flight = f"{settings.pipeline:,} {_plural('request', settings.pipeline)} in flight on each"
    return f"{server}, {settings.protocol}, {count:,} {_plural('connection', count)}, {flight}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else word + "s"


def _warn(settings: Settings, lines: Lines) -> None:
    if settings.address is not None:
        return
    folder = settings.data_dir or Path()
    system = memory_filesystem(folder)
    if system is not None:
        lines.note(
            f"warning: {folder.absolute()} is on {system}, in memory: a sync costs nothing there, so the figures say "
            "nothing about a disk (--data-dir DIR measures elsewhere)"
        )
