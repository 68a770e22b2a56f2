"""The tools for a folder that no process has open: check, repair, dump, load, info, backup."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path

import click
import orjson

from fluxdb.cli import exits, render
from fluxdb.cli.dump_file import STANDARD_STREAM, writing_dump
from fluxdb.cli.output import standard_lines
from fluxdb.cli.progress import progress_bar
from fluxdb.cli.text import one_line
from fluxdb.limits import WIDEST_LIMITS


def info(directory: Path, as_json: bool) -> int:
    """Print what the next open would find, with the digest of the state."""
    from fluxdb.storage.offline import database_info

    with progress_bar("reading") as progress:
        known = database_info(directory, progress=progress)
    lines = standard_lines()
    lines.line(orjson.dumps(known).decode() if as_json else "\n".join(render.table(known)))
    return exits.OK


def check(directory: Path) -> int:
    """Check every byte that matters, and print the findings."""
    from fluxdb.storage.repair.check import check_database

    with progress_bar("checking") as progress:
        report = check_database(directory, progress=progress)
    line = standard_lines().line
    for finding in report.findings:
        line(one_line(str(finding)))
    log = f"{_count(report.segments, 'segment')} ({_count(report.groups, 'group')}, {_count(report.records, 'record')})"
    snapshots = f"{_count(report.snapshots, 'snapshot')} ({_count(report.snapshot_records, 'record')})"
    line(f"read {log}, {snapshots}")
    if report.opens:
        line(", ".join(f"{name} {render.cell(value)}" for name, value in report.state.items()))
    if report.ok:
        line("ok: it opens, and nothing is damaged")
        return exits.OK
    where = shlex.quote(str(directory))
    line("damaged, though it opens" if report.opens else f"damaged, it does not open: see fluxdb repair {where}")
    return exits.STORAGE


def repair(directory: Path, is_certain: bool) -> int:
    """Make a damaged database open again. On a terminal, asks first if something is to be repaired."""
    from fluxdb.storage.repair.check import check_database
    from fluxdb.storage.repair.repair import repair_database

    line = standard_lines().line
    with progress_bar("checking") as progress:
        found = check_database(directory, progress=progress)
    if not found.opens and not is_certain and sys.stdin.isatty():
        for finding in found.findings:
            line(one_line(str(finding)))
        question = "Repair it? Every changed file is kept, under a name that ends in .broken"
        if not click.confirm(one_line(question), err=True):
            standard_lines().note("nothing was changed")
            return exits.REFUSED
    with progress_bar("repairing") as progress:
        report = repair_database(directory, progress=progress)
    if not report.repaired:
        line(
            "nothing to repair: it opens" if found.ok else "nothing to repair: it opens, but fluxdb check has findings"
        )
        return exits.OK
    told = [("damage", report.damage), ("done", report.actions), ("lost", report.lost)]
    for name, sentences in told:
        for sentence in sentences:
            line(one_line(f"{name}: {sentence}"))
    line(f"repaired: it opens, with {_count(report.keys, 'key')} at revision {report.revision:,}")
    return exits.OK


def dump(directory: Path, target: Path) -> int:
    """Write the database as JSON Lines to ``target``."""
    from fluxdb.storage.dump.dump import dump_database

    to_stdout = str(target) == STANDARD_STREAM
    mixed = to_stdout and sys.stdout.isatty()  # a bar would appear between the lines
    with progress_bar("writing") as progress, writing_dump(target) as write:
        dumped = dump_database(directory, write, progress=None if mixed else progress)
    keys, deleted = _count(dumped.documents, "document"), _count(dumped.tombstones, "deleted key")
    standard_lines().note(f"dumped {keys} and {deleted} at revision {dumped.revision:,}")
    return exits.OK


def load(directory: Path, source: Path) -> int:
    """Make a new database in ``directory`` from the JSON Lines of ``source``."""
    from fluxdb.storage.dump.load import load_database

    from_stdin = str(source) == STANDARD_STREAM
    with (
        progress_bar("reading") as progress,
        nullcontext(sys.stdin.buffer) if from_stdin else source.open("rb") as lines,
    ):
        total_bytes = 0 if from_stdin else os.fstat(lines.fileno()).st_size
        # A dump is loaded whatever limits it was stored with.
        loaded = load_database(directory, lines, limits=WIDEST_LIMITS, total_bytes=total_bytes, progress=progress)
    note = standard_lines().note
    if not loaded.is_dump:
        note("note: the file does not begin like a dump, so it can't be checked for completeness")
    keys, deleted = _count(loaded.documents, "document"), _count(loaded.tombstones, "deleted key")
    note(f"loaded {keys} and {deleted} at revision {loaded.revision:,}")
    return exits.OK


def backup(directory: Path, destination: Path) -> int:
    """Copy the database to the new folder ``destination``."""
    from fluxdb.storage.backup.backup import backup_database

    with progress_bar("copying") as progress:
        revision = backup_database(directory, destination, progress=progress)
    standard_lines().note(one_line(f"backed up to {destination} at revision {revision:,}"))
    return exits.OK


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
