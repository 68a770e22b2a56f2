"""The arguments of ``fluxdb-client``: keys, JSON, and commands whose arguments may begin with a minus."""

from __future__ import annotations

import itertools
from typing import Any

import click
from click.types import FloatParamType, StringParamType

from fluxdb.cli.connecting import QUOTING
from fluxdb.cli.shell.grammar import TTL_SECONDS_MAX, json_problem, lacks_quotes


class Key(StringParamType):
    """A key as the shell passes it: bytes that are not UTF-8 arrive as surrogates."""

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        key = str(value)
        try:
            key.encode()
        except UnicodeEncodeError:
            self.fail("the key is not valid UTF-8", param, ctx)
        return key


class Prefix(Key):
    """The beginning of keys: it may be empty."""

    name = "prefix"


class Milliseconds(FloatParamType):
    """Seconds, as a whole number of milliseconds; with ``never``, that word is 0."""

    name = "seconds"

    def __init__(self, *, never: bool = False) -> None:
        self._never = never

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == 0 or (self._never and str(value).lower() == "never"):
            return 0
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0.001 <= seconds <= TTL_SECONDS_MAX:
            word = ", or never" if self._never else ""
            self.fail(f"{value!r} is not a number of seconds from 0.001 to {TTL_SECONDS_MAX}{word}", param, ctx)
        return round(seconds * 1000)


class JsonText(StringParamType):
    """JSON as typed. It is checked here, as in the shell: invalid JSON is sent to no server."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        problem = json_problem(text)
        if problem:
            self.fail(f"{problem} ({QUOTING})" if lacks_quotes(text) else problem, param, ctx)
        return text


class Command(click.Command):
    """A command whose JSON may begin with a minus; an argument that begins with two is an option, up to ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own, before = _options(self, ctx), _options(_group(ctx), ctx)
        for word in itertools.takewhile(lambda word: word != "--", args):
            name = word.partition("=")[0]
            if word.startswith("--") and name not in own:
                hint = "it stands before the command" if name in before else "put such a key after --"
                raise click.UsageError(f"No such option: {name} ({hint})", ctx)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if type(error) is click.UsageError and any(parameter.name == "json" for parameter in self.params):
                raise click.UsageError(f"{error.message} ({QUOTING})", ctx) from None
            raise


def _options(command: click.Command, ctx: click.Context) -> set[str]:
    return {name for parameter in command.get_params(ctx) for name in parameter.opts}


def _group(ctx: click.Context) -> click.Command:
    """Return the program, whose options stand before the command."""
    assert ctx.parent is not None
    return ctx.parent.command
