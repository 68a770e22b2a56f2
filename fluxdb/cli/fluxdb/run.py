"""Work on an open database: the terminal, pipes, ``exec``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing

from fluxdb import __version__
from fluxdb.cli import exits, render
from fluxdb.cli.folder import Place, folder_line
from fluxdb.cli.output import Lines, standard_lines
from fluxdb.cli.shell.answers import WORDS, Answers, Replies
from fluxdb.cli.shell.events import EventsInStep
from fluxdb.cli.shell.script import explain_only, find_grammar_error, run_arguments, run_lines
from fluxdb.cli.shell.session import Session
from fluxdb.cli.text import one_line
from fluxdb.engine.handle import EngineHandle
from fluxdb.limits import DEFAULT_LIMITS
from fluxdb.opening import Local, open_folder


def talk(place: Place) -> int:
    """Open the terminal; return the exit code."""
    from fluxdb.cli.shell.terminal import run_terminal

    with closing(_open(place)) as engine:
        return run_terminal(engine, _greeting(engine.info()))


def run_pipe(place: Place) -> int:
    """Run each line of stdin; return the exit code."""
    lines = standard_lines()
    with closing(_open(place)) as engine:
        return run_lines(_session(engine, lines), sys.stdin.buffer, lines.error)


def run_exec(place: Place, arguments: Sequence[str], *, as_json: bool = False) -> int:
    """Run each argument if all of them can be parsed; return the exit code.

    ``as_json``: print every answer, also an error, as the line of JSON that a server would reply.
    """
    lines = standard_lines()
    wrong = find_grammar_error(arguments)
    if wrong is not None:
        lines.error(wrong)
        whole = " ".join(arguments)
        if len(arguments) > 1 and find_grammar_error([whole]) is None:
            lines.note(one_line(f"each command is one argument: fluxdb exec {shlex.quote(whole)}"))
        return exits.USAGE
    explanation = explain_only(arguments)
    if explanation is not None:
        lines.line("\n".join(explanation))
        return exits.OK
    with closing(_open(place)) as engine:
        answers: Answers = Replies() if as_json else WORDS
        print_error = lines.line if as_json else lines.error
        return run_arguments(_session(engine, lines, answers), arguments, print_error, answers)


def _open(place: Place) -> EngineHandle:
    return open_folder(place.data_dir, DEFAULT_LIMITS, Local(place.create, place.read_only))


def _session(engine: EngineHandle, lines: Lines, answers: Answers = WORDS) -> Session:
    return Session(engine, EventsInStep(lines.event, lines.error, answers), lines.line, answers)


def _greeting(info: Mapping[str, object]) -> str:
    return f"FluxDB {__version__}, {folder_line(info)}\n{render.HINT}"
