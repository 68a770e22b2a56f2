"""The address of a server, as given to the programs that talk to one."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    import ssl

LOOPBACK: Final = "127.0.0.1"
DEFAULT_ADDRESS: Final = f"{LOOPBACK}:7000"
QUOTING: Final = """the shell takes quotes away, so JSON goes between single ones: set user '{"name": "v"}'"""

_PORT = re.compile(":?[0-9]+")  # as a host name, 7000 would mean the address 0.0.27.88


class Server:
    """The server named by the options before the command."""

    def __init__(
        self, url: str, password: str | None, timeout: float, tls: ssl.SSLContext | None, *, raw: bool
    ) -> None:
        self.url = url
        self.password = password
        self.timeout = timeout
        self.tls = tls
        self.raw = raw  # --json was given before the command


class Seconds(click.FloatRange):
    """A time limit: "nan" is a number to Python, but not a time."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is not a time.", param, ctx)
        return seconds


def server_url(address: str, tls: bool = False) -> str:
    """Return the URL for HOST:PORT, for PORT on this machine, or for a URL. Raises BadParameter."""
    from fluxdb.engine.remote.address import parse_url

    if _PORT.fullmatch(address):
        address = f"{LOOPBACK}:{address.removeprefix(':')}"
    url = address if "://" in address else f"{'fluxdbs' if tls else 'fluxdb'}://{address}"
    scheme, _, rest = url.partition("://")
    if tls and scheme.lower() == "fluxdb":
        url = f"fluxdbs://{rest}"
    try:
        parsed = parse_url(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--addr") from None
    if parsed.password is not None:
        raise click.BadParameter(
            "the address must not hold a password, because others can see it: use FLUXDB_PASSWORD or --password-file",
            param_hint="--addr",
        )
    return url
