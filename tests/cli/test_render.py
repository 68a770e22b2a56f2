"""The printed forms: as promised, and unable to control a terminal, whatever is stored."""

from __future__ import annotations

import pytest

from fluxdb.cli import render
from fluxdb.cli.shell.commands import NAMES, SYNTAX


def test_a_document_is_printed_exactly_so() -> None:
    text = '{"name":"vaibhav","age":21}'
    assert render.document(text, 1) == 'Document { value: {"name":"vaibhav","age":21}, version: 1 }'


def test_an_event_is_one_line_with_both_sides() -> None:
    assert render.event("set", "user", None, '{"a":1}', 1) == '[event] set user: nil -> {"a":1}, version 1'
    assert render.event("patch", "user", "1", "2", 2) == "[event] patch user: 1 -> 2, version 2"
    assert render.event("delete", "user", "2", None, 3) == "[event] delete user: 2 -> nil, version 3"


def test_a_stored_null_is_told_from_no_document() -> None:
    assert render.event("set", "k", None, "null", 1) == "[event] set k: nil -> null, version 1"
    assert render.document("null", 1) == "Document { value: null, version: 1 }"


def test_keys_and_values_of_events_are_escaped() -> None:
    line = render.event("set", "a\n\x1b[2J", '"\x9b2J"', '"\u202e"', 1)
    assert line == '[event] set "a\\n\\u001b[2J": "\\u009b2J" -> "\\u202e", version 1'


def test_an_error_is_one_harmless_line() -> None:
    assert render.error("no") == "error: no"
    assert render.error("no", "line 3") == "error: line 3: no"
    assert render.error("a\nb\x1b[31m\u202e\udcff") == "error: a\\x0ab\\x1b[31m\\u202e\\udcff"


def test_info_is_an_aligned_table_with_what_is_nested_below() -> None:
    values = {
        "keys": 1234567,
        "poisoned": None,
        "open": True,
        "seconds": 0.25,
        "limits": {"depth_max": 128},
        "path": "a\nb",
    }
    assert list(render.table(values)) == [
        "keys              1,234,567",
        "poisoned          none",
        "open              yes",
        "seconds           0.25",
        "path              a\\x0ab",
        "limits.depth_max  128",
    ]
    assert list(render.table({})) == []


def test_large_bytes_and_long_times_have_a_rounded_figure_behind_them() -> None:
    values = {"disk_bytes": 16_785_408, "key_bytes_max": 1024, "uptime_seconds": 93_780, "keys": 100_000}
    assert list(render.table(values)) == [
        "disk_bytes      16,785,408 (16.01 MiB)",
        "key_bytes_max   1,024",
        "uptime_seconds  93,780 (1 d 2 h 3 min)",
        "keys            100,000",
    ]


def test_help_lists_every_command() -> None:
    lines = list(render.help_text(None))
    for syntax in SYNTAX.values():
        assert any(line.startswith(syntax.brief) and line.endswith(syntax.summary) for line in lines)
    assert max(map(len, lines)) < 80


@pytest.mark.parametrize("name", SYNTAX)
def test_help_of_a_command_has_its_usage_its_options_and_an_example(name: str) -> None:
    text = "\n".join(render.help_text(name))
    syntax = SYNTAX[name]
    assert text.startswith(syntax.usage)
    assert text.endswith(syntax.example)
    for option in syntax.options:
        assert f"\n  {option}" in text
    for alias in syntax.aliases:
        assert NAMES[alias] == name
        assert alias in text


def test_a_number_with_a_fraction_is_not_taken_for_thousands() -> None:
    assert [render.cell(value) for value in (10.0, 0.125, 0.0, 12_345.5, 10_000)] == [
        "10",
        "0.125",
        "0",
        "12,345.5",
        "10,000",
    ]


def test_the_greeting_fits_a_terminal_of_80_columns() -> None:
    assert len(render.HINT) < 80
