"""Paths on the command line, in the environment and in settings files: ``~`` is a home folder in all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from fluxdb.cli.text import one_line
from fluxdb.target import is_url, why_no_folder


class Place(NamedTuple):
    """The folder to open, and how."""

    data_dir: Path
    create: bool
    read_only: bool


class ExpandedPath(click.Path):
    """A path. No shell has expanded a leading ``~`` in ``--data-dir=~/x``, in the environment or in TOML."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and value.startswith("~"):
            expanded = os.path.expanduser(value)  # noqa: PTH111  # pathlib raises here
            if expanded == value:
                self.fail(f"{value}: no such home folder.", param, ctx)
            value = expanded
        return super().convert(value, param, ctx)


class Folder(ExpandedPath):
    """The folder of a database; rejects the address of a server, and text that does not look like a folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if is_url(value):
            self.fail(f"{value} is the address of a server: this takes a folder.", param, ctx)
        problem = why_no_folder(value) if isinstance(value, str) else ""
        if problem:
            self.fail(f"{problem}.", param, ctx)
        return super().convert(value, param, ctx)


def folder_line(info: Mapping[str, Any]) -> str:
    """Describe the open folder, whether it is new, and what it holds: ``/x/data: 12 keys, revision 40``."""
    keys, revision, recovery = info["keys"], info["revision"], info["recovery"]
    made = " (made just now)" if recovery["created"] else ""
    return one_line(f"{info['path']}{made}: {keys:,} {'key' if keys == 1 else 'keys'}, revision {revision:,}")
