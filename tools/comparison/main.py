"""The command line: which figures, where, how large, and what is made of them."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
import traceback
from pathlib import Path

from tools.comparison import document, documents, machine, peers, report
from tools.comparison.catalogue import FIGURES
from tools.comparison.figure import Figure, Verdict
from tools.comparison.peers import MissingPeerError
from tools.comparison.setting import Setting, open_setting

BAD = (Verdict.MISSED, Verdict.OPEN)


def main() -> int:
    """Runs the figures; 1 where a "must" is missed or not measured.

    2 for a wrong call, a data folder in memory, or a plot that can't be drawn. A quick run says nothing about a "must":
    there 1 is for a figure that failed.
    """
    arguments = _parse()
    if arguments.list:
        print(*(f"{figure.name}: {figure.title} / {figure.other}" for figure in FIGURES), sep="\n")
        return 0
    if arguments.docs and not peers.Library("matplotlib").version():
        print(f"--docs draws a plot, and matplotlib is missing: {peers.Library('matplotlib').remedy}", file=sys.stderr)
        return 2
    if arguments.from_json:
        document.write(arguments.docs, json.loads(arguments.from_json.read_text()))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers are ended and the data removed, as after Ctrl-C
    documents.check_sizes()
    if arguments.install_peers:
        peers.install()
    print(*peers.missing(), sep="\n", end="", file=sys.stderr)
    try:
        lines, facts, seconds = _measure(arguments)
    except machine.NotADiskError as error:
        print(error, file=sys.stderr)
        return 2
    print(report.table(lines), report.notes(lines), sep="\n\n")
    print(f"\n{seconds:.0f} s in all")
    if arguments.quick:
        print("quick: these numbers say that the harness works, nothing more")
    raw = report.raw(lines, facts, _command(), quick=arguments.quick, seconds=seconds)
    if arguments.json:
        arguments.json.write_text(document.as_text(raw))
    if arguments.docs:
        document.write(arguments.docs, raw)
    return 1 if any(line.failed if arguments.quick else line.verdict in BAD for line in lines) else 0


def _measure(arguments: argparse.Namespace) -> tuple[list[report.Line], dict[str, str], float]:
    begin = time.monotonic()
    figures = [figure for figure in FIGURES if not arguments.only or figure.name in arguments.only]
    with open_setting(arguments.data_dir, quick=arguments.quick) as setting:
        facts = machine.facts(setting.folder)
        print(report.head(facts, _command()), end="\n\n", flush=True)
        lines = [run(figure, setting) for figure in figures]
    return lines, facts, time.monotonic() - begin


def run(figure: Figure, setting: Setting) -> report.Line:
    """Measures one figure. One that fails is reported, and does not end the run."""
    print(f"{figure.name} ...", end="", file=sys.stderr, flush=True)
    begin = time.monotonic()
    try:
        measurement, reason = figure.measure(setting), ""
    except MissingPeerError as error:
        measurement, reason = None, str(error)
    except Exception as error:
        traceback.print_exc()
        measurement, reason = None, f"{report.FAILED}{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    seconds = time.monotonic() - begin
    print(f" {seconds:.1f} s", file=sys.stderr, flush=True)
    return report.Line(figure, measurement, reason, seconds)


def _command() -> list[str]:
    return ["./tools/compare", *sys.argv[1:]]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/compare", description="FluxDB and its peers, side by side in one run.")
    parser.add_argument("--quick", action="store_true", help="small sizes, few turns: does the harness work?")
    parser.add_argument(
        "--only",
        action="append",
        metavar="ROW",
        choices=[figure.name for figure in FIGURES],
        help="can be repeated; --list has the names",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw data, turn by turn")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="write performance.md, .svg and .json there")
    parser.add_argument("--from-json", type=Path, metavar="FILE", help="measure nothing: --docs from an earlier run")
    parser.add_argument(
        "--data-dir", type=Path, default=Path("/var/tmp"), help="where the data goes, on a real disk (%(default)s)"
    )
    parser.add_argument("--install-peers", action="store_true", help="apt-get what is missing (as root)")
    parser.add_argument("--list", action="store_true", help="print the names of the figures")
    arguments = parser.parse_args()
    if arguments.from_json and not arguments.docs:
        parser.error("--from-json is for --docs FOLDER")
    return arguments
