"""Commands that nobody types: the lines of a pipe, and the arguments of ``exec``."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from fluxdb.cli import exits, render
from fluxdb.cli.shell import commands
from fluxdb.cli.shell.answers import WORDS, Answers
from fluxdb.cli.shell.collected import BatchStateError
from fluxdb.cli.shell.grammar import GrammarError, parse
from fluxdb.cli.shell.session import Print, Session
from fluxdb.errors import FluxDBError
from fluxdb.limits import TERMINAL_LINE_BYTES_MAX

UNFINISHED_BATCH = "the batch was not committed: nothing of it was written"
_RANK = (exits.OK, exits.USAGE, exits.REFUSED, exits.NOT_AUTHENTICATED, exits.NO_CONNECTION, exits.STORAGE)


def run_lines(session: Session, lines: BinaryIO, print_error: Print) -> int:
    """Run each line, also after one that failed. Return the exit code: 0, or that of the gravest failure."""
    gravest = exits.OK
    for number, line in enumerate(_read_lines(lines), 1):
        if number == 1 and line is not None:
            if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                print_error(render.error("the input is UTF-16, but commands are UTF-8: convert it (iconv -f UTF-16)"))
                return exits.USAGE
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            if line is None:
                bound = TERMINAL_LINE_BYTES_MAX
                raise GrammarError(f"this line is longer than {bound:,} bytes", bound + 1)
            command = parse(line.decode("utf-8", "surrogateescape"))
            if command is not None and not session.run(command):
                break
        except (GrammarError, FluxDBError) as error:
            print_error(render.error(str(error), f"line {number}"))
            code = exits.USAGE if isinstance(error, GrammarError) else exits.exit_code(error)
            gravest = max(gravest, code, key=_RANK.index)
            session.batch.spoil(f"line {number}")
    if session.batch:
        print_error(render.error(UNFINISHED_BATCH))
        gravest = max(gravest, exits.REFUSED, key=_RANK.index)
    return gravest


def run_arguments(session: Session, arguments: Sequence[str], print_error: Print, answers: Answers = WORDS) -> int:
    """Run each argument as a command, up to the first failure. Return the exit code."""
    for number, argument in enumerate(arguments, 1):
        try:
            command = parse(argument)
            if command is not None and not session.run(command):
                break
        except FluxDBError as error:
            print_error(answers.error(error, _place(number, arguments)))
            return exits.exit_code(error)
    if session.batch:
        print_error(answers.error(BatchStateError(UNFINISHED_BATCH), ""))
        return exits.REFUSED
    return exits.OK


def explain_only(arguments: Sequence[str]) -> list[str] | None:
    """Return HELP's output if ``arguments`` ask for nothing else; None if a database has to be opened."""
    said: list[str] = []
    for command in map(parse, arguments):
        if isinstance(command, commands.Exit):
            break
        if isinstance(command, commands.Help):
            said += render.help_text(command.topic)
        elif command is not None:
            return None
    return said


def find_grammar_error(arguments: Sequence[str]) -> str | None:
    """Return the first error in ``arguments`` that can be seen without running any, as a line to print."""
    errors = (_grammar_error(argument, _place(number, arguments)) for number, argument in enumerate(arguments, 1))
    return next(filter(None, errors), None)


def _grammar_error(argument: str, place: str) -> str | None:
    try:
        parse(argument)
    except GrammarError as error:
        return render.error(str(error), place)
    return None


def _place(number: int, arguments: Sequence[str]) -> str:
    return f"command {number}" if len(arguments) > 1 else ""


def _read_lines(lines: BinaryIO) -> Iterator[bytes | None]:
    """Yield each line; None for one that is too long."""
    while line := lines.readline(TERMINAL_LINE_BYTES_MAX):
        if len(line) < TERMINAL_LINE_BYTES_MAX or line.endswith(b"\n"):
            yield line
            continue
        while (rest := lines.readline(TERMINAL_LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
            pass
        yield None
