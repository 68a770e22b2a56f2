"""The command line: which figures, where, how large."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

from tools.comparison import documents, machine, report
from tools.comparison.catalogue import FIGURES
from tools.comparison.figure import Figure, MissingPeerError, Verdict
from tools.comparison.setting import Setting, open_setting

# command on the PATH -> the Debian package that has it
PEERS = {"redis-server": "redis-server", "strace": "strace"}


def main() -> int:
    """Runs the figures; 0 where no "must" is missed, 1 otherwise, 2 for a wrong call or a data folder in memory."""
    arguments = _parse()
    if arguments.list:
        print(*(f"{figure.name}: {figure.title} / {figure.other}" for figure in FIGURES), sep="\n")
        return 0
    documents.check_sizes()
    if arguments.install_peers:
        install_peers()
    for name in PEERS:
        if shutil.which(name) is None:
            print(f"{name} is not installed: left out", file=sys.stderr)
    figures = [figure for figure in FIGURES if not arguments.only or figure.name in arguments.only]
    try:
        with open_setting(arguments.data_dir, quick=arguments.quick) as setting:
            facts = machine.facts(setting.folder)
            print(report.head(facts, sys.argv), end="\n\n", flush=True)
            lines = [run(figure, setting) for figure in figures]
    except machine.NotADiskError as error:
        print(error, file=sys.stderr)
        return 2
    print(report.table(lines), report.notes(lines), sep="\n\n")
    if arguments.quick:
        print("\nquick: these numbers say that the harness works, nothing more")
    if arguments.json:
        arguments.json.write_text(json.dumps(report.raw(lines, facts, sys.argv), indent=1) + "\n")
    return 1 if any(line.verdict in (Verdict.MISSED, Verdict.OPEN) for line in lines) else 0


def run(figure: Figure, setting: Setting) -> report.Line:
    """Measures one figure. One that fails is reported, and does not end the run."""
    print(f"{figure.name} ...", file=sys.stderr, flush=True)
    begin = time.monotonic()
    try:
        measurement, reason = figure.measure(setting), ""
    except MissingPeerError as error:
        measurement, reason = None, str(error)
    except Exception as error:
        traceback.print_exc()
        measurement, reason = None, f"failed: {type(error).__name__}: {str(error).splitlines()[0]}"
    return report.Line(figure, measurement, reason, time.monotonic() - begin)


def install_peers() -> None:
    """Gets what is missing from the distribution. Only root can."""
    missing = [package for name, package in PEERS.items() if shutil.which(name) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"--install-peers needs root and apt-get; not installed: {', '.join(missing)}", file=sys.stderr)
        return
    subprocess.run(["apt-get", "update", "-qq"], check=False, stdout=sys.stderr)
    subprocess.run(["apt-get", "install", "-y", "-qq", *missing], check=False, stdout=sys.stderr)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/compare", description="FluxDB and its peers, side by side in one run.")
    parser.add_argument("--quick", action="store_true", help="small sizes, few turns: does the harness work?")
    parser.add_argument(
        "--only", action="append", metavar="NAME", choices=[figure.name for figure in FIGURES], help="can be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw data, turn by turn")
    parser.add_argument(
        "--data-dir", type=Path, default=Path("/var/tmp"), help="where the data goes, on a real disk (%(default)s)"
    )
    parser.add_argument("--install-peers", action="store_true", help="apt-get what is missing (as root)")
    parser.add_argument("--list", action="store_true", help="print the names of the figures")
    return parser.parse_args()
