"""The settings of ``fluxdb-server``: by flag, then environment (FLUXDB_*), then TOML file, then default."""

from __future__ import annotations

import difflib
import importlib
import logging
import math
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson
from click.core import ParameterSource

from fluxdb.cli.password import PASSWORD_VARIABLE, STANDARD_INPUT, read_password
from fluxdb.cli.server.environment import misspelt, warnings
from fluxdb.cli.server.help import DATABASE_LIMITS, PAGE_LIMITS, SERVER_LIMITS
from fluxdb.cli.server.setting_help import HELP
from fluxdb.limits import (
    RANGES,
    SERVER_RANGES,
    SETTINGS_PREFIX,
    WEB_RANGES,
    Limits,
    ServerLimits,
    WebLimits,
    check_served,
)
from fluxdb.net.certificate import Certificate, CertificateError
from fluxdb.net.web.access import origin_host

logger = logging.getLogger("fluxdb.server")

_NOT_SETTINGS = {"config", "print_config", "version", "help"}
_BOUNDS: tuple[tuple[Any, Mapping[str, tuple[float, float]], str, str], ...] = (
    (WebLimits(), WEB_RANGES, SETTINGS_PREFIX, PAGE_LIMITS),
    (ServerLimits(), SERVER_RANGES, "", SERVER_LIMITS),
    (Limits(), RANGES, "", DATABASE_LIMITS),
)
_METAVARS = {"bytes": "BYTES", "seconds": "SECONDS", "days": "DAYS"}  # otherwise a count
_Decorator = Callable[[Any], Any]


class Setting(click.Option):
    """An option in a section of the help. If it can't take a value, it says where the value comes from, which may not
    be the command line.
    """

    def __init__(self, *args: Any, section: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section

    def get_error_hint(self, ctx: click.Context | None) -> str:
        hint = super().get_error_hint(ctx)
        source = None if ctx is None or self.name is None else ctx.get_parameter_source(self.name)
        if ctx is None or self.name is None:
            return hint
        if source is ParameterSource.ENVIRONMENT:
            return f"{hint} ({ctx.auto_envvar_prefix}_{self.name.upper()} in the environment)"
        if source is ParameterSource.DEFAULT_MAP:
            return f"{hint} ({self.name} in {ctx.params['config']})"
        return hint


setting = partial(click.option, cls=Setting)


def limit_options(command: Any) -> Any:
    """Add an option for each limit of the database, of the server, and (--web-...) of the live page's server."""
    for limits, ranges, prefix, section in _BOUNDS:
        for field in reversed(fields(limits)):
            low, high = ranges[field.name]
            default = getattr(limits, field.name)
            whole = isinstance(default, int)
            name = prefix + field.name
            option: _Decorator = setting(
                "--" + name.replace("_", "-"),
                type=_Whole(int(low), int(high)) if whole else _Number(low, high),
                default=default,
                show_default=True,
                section=section,
                metavar=next((metavar for unit, metavar in _METAVARS.items() if unit in name.split("_")), "N"),
                help=HELP[name],
            )
            command = option(command)
    return command


class _Whole(click.IntRange):
    name = "whole number"


class _Number(click.FloatRange):
    """A range that excludes "not a number"."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


class Port(_Whole):
    """A port that recognises what Kubernetes puts in the environment for a service named fluxdb."""

    def __init__(self) -> None:
        super().__init__(0, 65535)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and value.startswith("tcp://"):
            self.fail(
                f"{value} is what Kubernetes sets for a service named fluxdb, not a port. Set --port, or "
                "enableServiceLinks: false in the pod.",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


def read_hosts(context: click.Context, parameter: click.Parameter, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Callback of --host: each one once, IPv6 without the brackets that URLs put around it."""
    found = tuple(dict.fromkeys(host[1:-1] if host[:1] + host[-1:] == "[]" else host for host in hosts))
    for host in found:
        name, colon, port = host.rpartition(":")
        if colon and port.isdecimal() and (name.startswith("[") or ":" not in name):
            raise click.BadParameter(f"{host!r} has a port, which is a separate setting: --port", context, parameter)
        if not host:
            raise click.BadParameter("a host must be an address or a name; 0.0.0.0 and :: mean all", context, parameter)
    return found


def check_origins(context: click.Context, parameter: click.Parameter, origins: tuple[str, ...]) -> tuple[str, ...]:
    """Callback of --web-origin."""
    try:
        for origin in origins:
            origin_host(origin)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None
    return origins


def limits_of(settings: dict[str, Any]) -> tuple[Limits, ServerLimits, WebLimits]:
    """Check that the settings fit together; the ranges were checked one by one before. Raises UsageError."""
    database = {field.name: settings[field.name] for field in fields(Limits)}
    server = {field.name: settings[field.name] for field in fields(ServerLimits)}
    web = {field.name: settings[SETTINGS_PREFIX + field.name] for field in fields(WebLimits)}
    try:
        limits = Limits(**database), ServerLimits(**server), WebLimits(**web)
        check_served(*limits)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return limits


def read_config(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Callback of --config: the file's settings apply unless a flag or the environment sets them."""
    if path is None:
        return None
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        found: dict[str, Any] = toml.loads(path.read_text("utf-8-sig"))  # some editors write a byte order mark
    except (ValueError, OSError) as error:
        raise click.UsageError(f"{path}: {getattr(error, 'strerror', None) or error}", context) from None
    known = {option.name: option for option in context.command.params if option.name not in _NOT_SETTINGS}
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise click.UsageError(f"{path}: unknown setting {', '.join(unknown)} ({_hint(unknown, known)})", context)
    for name, value in found.items():
        if getattr(known[name], "multiple", False) and isinstance(value, str):
            found[name] = value = [value]
        wanted = _misfit(known[name], value)
        if wanted:
            raise click.UsageError(f"{path}: {name} must be {wanted}, not {value!r}", context)
    context.default_map = found
    return path


def _hint(unknown: Iterable[str], known: Iterable[str | None]) -> str:
    if "password" in unknown:
        return "the file must not hold a password: see password_file"
    names = [name for name in known if name is not None]
    near = [name for word in unknown for name in difflib.get_close_matches(word, names, n=1)]
    return f"did you mean {', '.join(near)}?" if near else "--print-config lists all settings"


def _misfit(option: click.Parameter, value: object) -> str:
    """Return what ``option`` wants instead; empty if ``value`` has its type."""
    if option.multiple if isinstance(option, click.Option) else False:
        fits, wanted = (
            isinstance(value, list) and all(isinstance(item, str) for item in value),
            "a string or a list of strings",
        )
    elif isinstance(option.type, click.types.BoolParamType):
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(option.type, click.types.IntParamType):
        fits, wanted = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    elif isinstance(option.type, click.types.FloatParamType):
        fits, wanted = isinstance(value, (int, float)) and not isinstance(value, bool), "a number"
    else:
        fits, wanted = isinstance(value, str), "a string"
    return "" if fits else wanted


def config_lines(context: click.Context) -> Iterator[str]:
    """Yield the settings as TOML, each with its origin; of the password only whether it is set.

    Raises UsageError if one can't be written as TOML.
    """
    for option in context.command.params:
        name = option.name
        if name is None or name in _NOT_SETTINGS:
            continue
        value = context.params[name]
        source = context.get_parameter_source(name)
        origin = "default" if source is None else source.name.lower().replace("default_map", "config")
        if value is None:
            yield f"# {name} is not set"
        else:
            number = isinstance(value, (int, float))
            plain = list(value) if isinstance(value, tuple) else value if number else str(value)
            yield f"{name} = {_toml(name, plain)}  # {origin}"
    for warning in misspelt_variables(context):
        yield f"# {warning}"
    if os.environ.get(PASSWORD_VARIABLE):
        yield f"# a password is set in the environment ({PASSWORD_VARIABLE})"


def misspelt_variables(context: click.Context) -> list[str]:
    """Yield a warning for each variable of the environment that looks like a setting but is not."""
    settings = [str(option.name) for option in context.command.params]
    return warnings(misspelt(os.environ, [*settings, "password"]))


def _toml(name: str, value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half of a surrogate pair: a byte of an argument that is not UTF-8
        raise click.UsageError(f"{name} is not UTF-8, as TOML must be: {value!a} can only be given by flag") from None


def read_server_password(path: Path | None) -> str | None:
    """Return the password, clear it from the environment, and warn of unsafe settings. Raises UsageError."""
    password = read_password(path)
    given = os.environ.pop(PASSWORD_VARIABLE, None)
    if path is None and given == "":
        logger.warning("%s is set and empty: the server asks for no password", PASSWORD_VARIABLE)
    if path not in (None, STANDARD_INPUT) and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        logger.warning("--password-file %s: users other than its owner may read or change this file (chmod 600)", path)
    return password


def read_certificate(certificate: Path | None, key: Path | None) -> Certificate | None:
    """Read the certificate; None if none is set. Raises UsageError."""
    if certificate is None:
        if key is not None:
            raise click.UsageError("--tls-key without --tls-cert")
        return None
    try:
        return Certificate(certificate, key)
    except CertificateError as error:
        raise click.UsageError(str(error)) from None


def split_address(text: str) -> tuple[str, int]:
    """Split HOST:PORT or [IPV6]:PORT. Raises UsageError."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise click.UsageError(f"an address must be HOST:PORT, not {text!r}")
    return host, int(port)
