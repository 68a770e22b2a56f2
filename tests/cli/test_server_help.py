"""The help of ``fluxdb-server``: every option in the section where somebody looks for it."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from fluxdb.cli.server.help import SECTIONS
from fluxdb.cli.server.main import main

HELP = CliRunner().invoke(main, ["--help"], prog_name="fluxdb-server").output


def sections() -> dict[str, list[str]]:
    """The options that stand below each heading, in the order of the help."""
    found: dict[str, list[str]] = {}
    for line in HELP.splitlines():
        heading = re.fullmatch(r"(\S.*):", line)
        option = re.match(r"  (?:-h, )?(--[a-z-]+)", line)
        if heading:
            found[heading[1]] = []
        elif option and found:  # the text above the first heading may have a line that begins so
            found[list(found)[-1]].append(option[1])
    return found


def test_the_sections_come_in_order_and_each_option_is_in_one() -> None:
    found = sections()
    assert list(found) == [*SECTIONS, "Options"]
    assert found["Options"] == ["--version", "--help"]
    shown = [option for options in found.values() for option in options]
    assert sorted(shown) == sorted(option.opts[-1] for option in main.params)


@pytest.mark.parametrize(
    ("option", "section"),
    [
        ("--data-dir", "Storage"),
        ("--host", "Network"),
        ("--tls-cert", "Security"),
        ("--web-origin", "Live page, metrics, health"),
        ("--log-json", "Log"),
        ("--config", "Settings"),
        ("--value-bytes-max", "Limits of the database"),
        ("--drain-seconds", "Limits of the server"),
        ("--web-connections-max", "Limits of the live page"),
    ],
)
def test_an_option_is_where_one_looks_for_it(option: str, section: str) -> None:
    (found,) = [heading for heading, options in sections().items() if option in options]
    assert found.startswith(section)


def test_no_line_is_too_wide_for_a_terminal_that_says_how_wide_it_is() -> None:
    narrow = CliRunner().invoke(main, ["--help"], terminal_width=80, prog_name="fluxdb-server").output
    assert [line for line in narrow.splitlines() if len(line) > 80] == []
