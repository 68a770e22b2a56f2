"""The address of a server and the password for it, as the programs that talk to one are given them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

DEFAULT_ADDRESS: Final = "127.0.0.1:7000"


def server_url(address: str, tls: bool = False) -> str:
    """The URL for HOST:PORT or for a URL. Raises BadParameter."""
    from fluxdb.client.address import parse_url

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
            "no password in the address, where others can see it: use FLUXDB_PASSWORD or --password-file",
            param_hint="--addr",
        )
    return url


def read_password(path: Path | None) -> str | None:
    """The first line of the file; without one what the environment says; None where that says nothing."""
    if path is None:
        return os.environ.get("FLUXDB_PASSWORD")
    with click.open_file(str(path), encoding="utf-8") as file:
        return str(file.readline()).rstrip("\r\n")
