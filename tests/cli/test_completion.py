"""Completion by TAB."""

from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from fluxdb.cli.shell.completion import CommandCompleter
from fluxdb.cli.shell.recent import RecentKeys


def complete(text: str, *keys: str) -> list[str]:
    recent = RecentKeys()
    for key in keys:
        recent.used(key)
    found = CommandCompleter(recent).get_completions(Document(text), CompleteEvent(completion_requested=True))
    return [text[: len(text) + completion.start_position] + completion.text for completion in found]


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("SU", ["SUBSCRIBE "]),
        ("su", ["subscribe "]),
        ("Uns", ["UNSUBSCRIBE "]),
        ("DEL", ["DELETE ", "DEL "]),
        ("  ge", ["  get "]),
        ("xyz", []),
        ("HELP sna", ["HELP snapshot "]),
        ("help ", None),
        ("", None),
    ],
)
def test_commands_are_completed_in_the_case_in_which_they_were_begun(text: str, completed: list[str] | None) -> None:
    if completed is None:
        assert len(complete(text)) == 10
    else:
        assert complete(text) == completed


def test_keys_of_the_session_are_completed_the_newest_first() -> None:
    assert complete("GET ", "a", "b", "a") == ["GET a ", "GET b "]
    assert complete("get us", "user:1", "other") == ["get user:1 "]
    assert complete('GET "', "a b", "c") == ['GET "a b" ']
    assert complete("SET --if-version 3 ", "a") == ["SET --if-version 3 a "]
    assert complete("PATCH --remove-nulls ", "a") == ["PATCH --remove-nulls a "]


def test_nothing_is_offered_where_json_or_a_number_is_due() -> None:
    assert complete("SET a ", "a") == []
    assert complete("SET --if-version ", "a") == []
    assert complete("INFO ", "a") == []
    assert complete("FOO ", "a") == []


def test_options_are_offered_once_and_only_where_the_command_takes_them() -> None:
    assert complete("SET --") == ["SET --if-version "]
    assert complete("PATCH --") == ["PATCH --if-version ", "PATCH --remove-nulls "]
    assert complete("PATCH --remove-nulls --") == ["PATCH --remove-nulls --if-version "]
    assert complete("PATCH --if-version 3 --") == ["PATCH --if-version 3 --remove-nulls "]
    assert complete("GET --") == ["GET --value "]
    assert complete("SUBSCRIBE --") == []
    assert complete("SET key --") == []


def test_the_keys_that_are_remembered_are_bounded() -> None:
    recent = RecentKeys(keys_max=2)
    for key in ("a", "b", "a", "c"):
        recent.used(key)
    assert list(recent) == ["c", "a"]
