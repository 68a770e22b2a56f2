"""Where the lines go: data to stdout, words to stderr, colours only to a terminal that wants them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from fluxdb.cli.text import one_line

_RED = "31"
_CYAN = "36"


class Lines:
    """Writes whole lines, each at once: whoever reads them may be waiting for them.

    ``colours`` None: where the stream they go to is a terminal and NO_COLOR is not set.
    """

    def __init__(self, output: TextIO, errors: TextIO, *, colours: bool | None = None) -> None:
        self.output = output
        self.errors = errors
        self._colours = colours

    def line(self, line: str) -> None:
        """An answer."""
        self._write(self.output, line)

    def event(self, line: str) -> None:
        self._write(self.output, line, _CYAN)

    def error(self, line: str) -> None:
        self._write(self.errors, line, _RED)

    def note(self, line: str) -> None:
        """Words that are no error."""
        self._write(self.errors, line)

    def _write(self, stream: TextIO, line: str, colour: str = "") -> None:
        wanted = colours_wanted(stream) if self._colours is None else self._colours
        with naming_stream("stdout" if stream is self.output else "stderr"):
            stream.write(f"\x1b[{colour}m{line}\x1b[0m\n" if colour and wanted else line + "\n")
            stream.flush()


@contextmanager
def naming_stream(name: str) -> Iterator[None]:
    """Have an OSError of the body say what could not be written: it must not be taken for one of the database."""
    try:
        yield
    except OSError as error:  # one of a pipe that nobody reads stays a BrokenPipeError
        if error.errno is None or error.filename:
            raise
        raise OSError(error.errno, error.strerror, name) from error


def standard_lines() -> Lines:
    """To stdout and stderr as they are now."""
    return Lines(sys.stdout, sys.stderr)


class _WarningsToStderr(logging.Handler):
    """Each record as one line."""

    def emit(self, record: logging.LogRecord) -> None:
        standard_lines().note(one_line(f"{record.levelname.lower()}: {record.getMessage()}"))


def show_warnings() -> None:
    """What the engine logs although nobody has asked, such as a tail that was cut off, goes to stderr from here on."""
    logger = logging.getLogger("fluxdb")
    if not any(isinstance(handler, _WarningsToStderr) for handler in logger.handlers):
        logger.addHandler(_WarningsToStderr(logging.WARNING))


def colours_wanted(stream: TextIO) -> bool:
    """Is ``stream`` a terminal whose user has not turned colours off (https://no-color.org)?"""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def guard_standard_streams() -> None:
    """Have all three open, and UTF-8.

    Where one of them was closed by whoever started us, the log would get its descriptor, and stray words with it. JSON
    is UTF-8 whatever the locale says: what goes through us has to come out as it went in.
    """
    null = os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free
    while null <= 2:
        null = os.open(os.devnull, os.O_RDWR)
    os.close(null)
    devnull = Path(os.devnull)
    sys.stdin = sys.stdin or devnull.open()
    sys.stdout = sys.stdout or devnull.open("w")
    sys.stderr = sys.stderr or devnull.open("w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
