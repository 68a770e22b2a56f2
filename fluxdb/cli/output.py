"""Output: data to stdout, messages to stderr, colours only on a terminal that wants them."""

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
    """Writes whole lines, each at once, because a reader may be waiting for it.

    ``colours`` None: use them if the stream is a terminal and NO_COLOR is not set.
    """

    def __init__(self, output: TextIO, errors: TextIO, *, colours: bool | None = None) -> None:
        self.output = output
        self.errors = errors
        self._colours = colours

    def line(self, line: str) -> None:
        """Write an answer."""
        self._write(self.output, line)

    def event(self, line: str) -> None:
        self._write(self.output, line, _CYAN)

    def error(self, line: str) -> None:
        self._write(self.errors, line, _RED)

    def note(self, line: str) -> None:
        """Write a message that is not an error."""
        self._write(self.errors, line)

    def _write(self, stream: TextIO, line: str, colour: str = "") -> None:
        wanted = colours_wanted(stream) if self._colours is None else self._colours
        with naming_stream("stdout" if stream is self.output else "stderr"):
            stream.write(f"\x1b[{colour}m{line}\x1b[0m\n" if colour and wanted else line + "\n")
            stream.flush()


@contextmanager
def naming_stream(name: str) -> Iterator[None]:
    """Make an OSError of the body say what could not be written, so that it isn't taken for one of the database."""
    try:
        yield
    except OSError as error:  # a pipe without a reader stays a BrokenPipeError
        if error.errno is None or error.filename:
            raise
        raise OSError(error.errno, error.strerror, name) from error


def standard_lines() -> Lines:
    """Return the lines of the current stdout and stderr."""
    return Lines(sys.stdout, sys.stderr)


class _WarningsToStderr(logging.Handler):
    """Formats each record as one line."""

    def emit(self, record: logging.LogRecord) -> None:
        standard_lines().note(one_line(f"{record.levelname.lower()}: {record.getMessage()}"))


def show_warnings() -> None:
    """Send unrequested log messages of the engine, such as a torn tail that was cut off, to stderr from now on."""
    logger = logging.getLogger("fluxdb")
    if not any(isinstance(handler, _WarningsToStderr) for handler in logger.handlers):
        logger.addHandler(_WarningsToStderr(logging.WARNING))


def colours_wanted(stream: TextIO) -> bool:
    """Tell whether ``stream`` is a terminal whose user has not turned colours off (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def guard_standard_streams() -> None:
    """Make sure that all three are open, and UTF-8.

    If the parent closed one of them, the log would get its descriptor, and stray output with it. JSON is UTF-8 whatever
    the locale says, and must leave this program unchanged.
    """
    null = os.open(os.devnull, os.O_RDWR)  # takes the lowest free one
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
