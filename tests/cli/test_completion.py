"""Completion by TAB."""

from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from fluxdb.cli.shell.completion import CommandCompleter
from fluxdb.cli.shell.events import EventsInStep
from fluxdb.cli.shell.recent import RecentKeys
from fluxdb.cli.shell.session import COMPLETED_KEYS_MAX, Session
from fluxdb.errors import ConnectionLostError
from tests.cli.fake_engine import FakeEngine


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
        assert len(complete(text)) == 19
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


def stored(text: str, keys: list[str], *recent: str) -> list[str]:
    """As complete(), of a database that has these keys; it is asked for those that begin as typed."""
    used = RecentKeys()
    for key in recent:
        used.used(key)
    completer = CommandCompleter(used, lambda prefix: [key for key in keys if key.startswith(prefix)])
    found = completer.get_completions(Document(text), CompleteEvent(completion_requested=True))
    return [text[: len(text) + completion.start_position] + completion.text for completion in found]


def test_keys_of_the_database_follow_those_of_the_session_each_once() -> None:
    assert stored("GET ", ["a", "b", "c d"], "b") == ["GET b ", "GET a ", 'GET "c d" ']
    assert stored("GET user:", ["user:1", "user:2", "other"]) == ["GET user:1 ", "GET user:2 "]
    assert stored('GET "c', ["c d", "c"]) == ['GET "c d" ']
    assert stored("SCAN us", ["user:1"]) == ["SCAN user:1 "]
    assert stored("SET a ", ["a"]) == []


def test_a_database_that_does_not_answer_offers_nothing() -> None:
    engine = FakeEngine()
    session = Session(engine, EventsInStep(print, print), print)
    engine.fail_with = ConnectionLostError("gone")
    assert list(session.stored_keys("a")) == []
    engine.set("ab", b"1")
    assert list(session.stored_keys("a")) == ["ab"]
    assert engine.ranges[-1].limit == COMPLETED_KEYS_MAX
