"""What runs on an open database: the terminal, pipes, ``exec``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import fluxdb
from fluxdb.cli import exits, render
from fluxdb.cli.events import EventsInStep
from fluxdb.cli.output import Lines, standard_lines
from fluxdb.cli.script import find_grammar_error, run_arguments, run_lines
from fluxdb.cli.session import Session
from fluxdb.opening import open_engine


def talk(data_dir: Path) -> int:
    """Open the terminal. Returns the exit code."""
    from fluxdb.cli.terminal import run_terminal

    with open_engine(data_dir) as engine:
        return run_terminal(engine, greeting(data_dir, engine.info()))


def run_pipe(data_dir: Path) -> int:
    """Run each line of stdin. Returns the exit code."""
    lines = standard_lines()
    with open_engine(data_dir) as engine:
        _note_recovery(lines, engine.info())
        session = Session(engine, EventsInStep(lines.event, lines.error), lines.line)
        return run_lines(session, sys.stdin.buffer, lines.error)


def run_exec(data_dir: Path, arguments: Sequence[str]) -> int:
    """Run each argument, where all of them can be read. Returns the exit code."""
    lines = standard_lines()
    wrong = find_grammar_error(arguments)
    if wrong is not None:
        lines.error(wrong)
        if len(arguments) > 1 and find_grammar_error([" ".join(arguments)]) is None:
            lines.note(f"each command is one argument: fluxdb exec {render.one_line(repr(' '.join(arguments)))}")
        return exits.USAGE
    with open_engine(data_dir) as engine:
        _note_recovery(lines, engine.info())
        session = Session(engine, EventsInStep(lines.event, lines.error), lines.line)
        return run_arguments(session, arguments, lines.error)
