"""How the programs end: each error as one line on stderr and an exit code, never a traceback."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import click

from fluxdb.cli import exits, render
from fluxdb.cli.output import guard_standard_streams, naming_stream, show_warnings, standard_lines
from fluxdb.cli.text import closest
from fluxdb.errors import FluxDBError

TRACEBACK_SETTING = "FLUXDB_TRACEBACK"
"""Set to anything, it shows the traceback of an unexpected error."""


class Tool(click.Command):
    """A command whose errors become exit codes."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _errors_ending(), naming_stream("stdout"):  # --help and --version already write here
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        guard_standard_streams()
        show_warnings()
        with _errors_ending():
            return super().invoke(ctx)


@contextlib.contextmanager
def _errors_ending() -> Iterator[None]:
    """Turn an error of the body into its line on stderr, and Exit with its code."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        code = exits.INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        code = exits.BROKEN_PIPE
    except (FluxDBError, OSError) as error:
        standard_lines().error(render.error(_message(error)))
        code = exits.exit_code(error)
        _give_up_unwritten()
    except (click.ClickException, click.exceptions.Exit):
        raise
    except Exception as error:
        if os.environ.get(TRACEBACK_SETTING):
            traceback.print_exc()
        message = f"unexpected {type(error).__name__}: {error} (a bug: {TRACEBACK_SETTING}=1 shows where)"
        standard_lines().error(render.error(message))
        code = exits.REFUSED
    else:
        return
    raise click.exceptions.Exit(code)


class Program(Tool, click.Group):
    """A group of such commands."""

    def meant(self, args: list[str]) -> str:
        """Suggest, as a sentence, what an unknown name may mean; "" without a suggestion."""
        close = closest(args[0].lower(), self.commands)
        return f"Did you mean {close}?" if close else ""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        meant = "" if self.get_command(ctx, args[0]) else self.meant(args)
        if meant:
            raise click.UsageError(f"No such command '{args[0]}'. {meant}", ctx)
        return super().resolve_command(ctx, args)


def _message(error: FluxDBError | OSError) -> str:
    """Remove the number, which means nothing to a user."""
    if isinstance(error, FluxDBError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _give_up_unwritten() -> None:
    """Drop output that can't be written: the interpreter would try again at its end, and exit with another code."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _silence_stdout()


def _silence_stdout() -> None:
    """Drop what is left in the buffer, so that it does not fail again when the interpreter ends: nobody reads it."""
    null = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError):  # not a file
        os.dup2(null, sys.stdout.fileno())
    os.close(null)
