"""Answers of commands, whatever the engine is."""

from __future__ import annotations

import io

import pytest

from fluxdb.cli import exits
from fluxdb.cli.shell import script
from fluxdb.cli.shell.events import EventsInStep
from fluxdb.cli.shell.script import find_grammar_error, run_arguments, run_lines
from fluxdb.cli.shell.session import Session
from fluxdb.errors import (
    AuthError,
    ConnectionLostError,
    DiskFullError,
    LimitError,
    PoisonedError,
    RequestTimeoutError,
    SubscriberEvictedError,
)
from tests.cli.fake_engine import FakeEngine


class Script:
    """A session on a fake engine, and what it printed."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.out: list[str] = []
        self.err: list[str] = []
        self.session = Session(self.engine, EventsInStep(self.out.append, self.err.append), self.out.append)

    def run(self, *lines: str) -> int:
        return self.run_bytes("\n".join(lines).encode())

    def run_bytes(self, data: bytes) -> int:
        return run_lines(self.session, io.BytesIO(data), self.err.append)


@pytest.fixture
def run() -> Script:
    return Script()


def test_each_command_answers_in_one_line(run: Script) -> None:
    assert run.run('SET u {"a": 1}', 'patch u {"b": 2}', "GET u", "DEL u", "GET u", "DELETE u", "CHECKPOINT") == 0
    assert run.out == [
        "ok, version 1",
        "ok, version 2",
        'Document { value: {"a":1,"b":2}, version: 2 }',
        "ok, version 3",
        "nil",
        "nil, no such key: nothing was written",
        "ok, revision 3",
    ]
    assert run.err == []


def test_options_reach_the_engine(run: Script) -> None:
    assert run.run("SET --if-version 0 u {}", 'PATCH --if-version 1 --remove-nulls u {"a":null}', "GET u") == 0
    assert run.out[-1] == "Document { value: {}, version: 2 }"


def test_a_value_alone_is_printed_as_json_and_a_missing_key_is_refused(run: Script) -> None:
    assert run.run('SET u {"a": "b\u2028"}', "GET --value u", "GET --value v", "GET v") == exits.REFUSED
    assert run.out == ["ok, version 1", '{"a":"b\\u2028"}', "nil"]
    assert run.err == ["error: line 3: no such key: v"]


def test_a_version_conflict_is_told_and_the_next_line_runs(run: Script) -> None:
    assert run.run("SET u 1", "SET --if-version 7 u 2", "GET u") == exits.REFUSED
    assert run.err == ["error: line 2: version conflict: expected 7, key 'u' is at 1"]
    assert run.out == ["ok, version 1", "Document { value: 1, version: 1 }"]


def test_empty_lines_and_comments_are_passed_over_and_counted(run: Script) -> None:
    assert run.run("", "# a comment", "SET u", "GET u") == exits.USAGE
    assert run.err[0].startswith("error: line 3: column 6: expected JSON")
    assert run.out == ["nil"]


def test_exit_ends_the_run(run: Script) -> None:
    assert run.run("SET u 1", "EXIT", "SET u 2") == 0
    assert run.out == ["ok, version 1"]


def test_a_line_that_is_not_utf8_is_refused_and_the_next_one_runs(run: Script) -> None:
    assert run.run_bytes(b'SET u "\xff"\nGET u\n') == exits.USAGE
    assert run.err == ["error: line 1: column 8: this is not valid UTF-8"]
    assert run.out == ["nil"]


def test_a_line_at_the_limit_runs_and_a_longer_one_is_refused(run: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "TERMINAL_LINE_BYTES_MAX", 20)
    assert run.run_bytes(b"SET a 1" + b" " * 12 + b"\n") == 0
    assert run.out == ["ok, version 1"]
    assert run.run_bytes(b"SET b 1" + b" " * 40 + b"\nSET c 1\n") == exits.USAGE
    assert run.err == ["error: line 1: column 21: this line is longer than 20 bytes"]
    assert set(run.engine.documents) == {"a", "c"}


def test_crlf_lines_run(run: Script) -> None:
    assert run.run_bytes(b"SET u 1\r\nGET u\r\n") == 0
    assert run.out[-1] == "Document { value: 1, version: 1 }"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LimitError("too large"), 1),
        (ConnectionLostError("gone"), 3),
        (RequestTimeoutError("late"), 3),
        (AuthError("who"), 4),
        (DiskFullError("full"), 5),
        (PoisonedError("broken"), 5),
    ],
)
def test_the_exit_code_tells_what_kind_of_error_it_was(run: Script, error: Exception, code: int) -> None:
    run.engine.fail_with = error
    assert run.run("SET u 1", "SET u", "GET u") == code
    assert run.err[0] == f"error: line 1: {error}"
    assert run.out == ["nil"]


def test_events_are_printed_behind_the_write_that_made_them(run: Script) -> None:
    lines = ["SUBSCRIBE u", "SET u 1", "SET other 1", "DELETE u", "UNSUBSCRIBE u", "SET u 2", "UNSUBSCRIBE u"]
    assert run.run(*lines) == 0
    assert run.out == [
        "ok, subscribed to u",
        "ok, version 1",
        "[event] set u: nil -> 1, version 1",
        "ok, version 1",
        "ok, version 2",
        "[event] delete u: 1 -> nil, version 2",
        "ok, unsubscribed from u",
        "ok, version 1",
        "ok, was not subscribed to u",
    ]


def test_a_key_that_looks_like_a_pattern_is_said_to_be_none(run: Script) -> None:
    assert run.run("SUBSCRIBE user:*", "SET user:1 1") == 0
    assert run.out[0].startswith("ok, subscribed to user:* ('user:*' names one key")
    assert run.out[1:] == ["ok, version 1"]


def test_subscribing_twice_gives_each_event_once(run: Script) -> None:
    assert run.run("SUBSCRIBE u", "SUBSCRIBE u", "SET u 1") == 0
    assert run.out[1] == "ok, was already subscribed to u"
    assert len([line for line in run.out if line.startswith("[event]")]) == 1


def test_an_evicted_subscription_is_told_and_over(run: Script) -> None:
    run.run("SUBSCRIBE u")
    run.engine.subscribers.pop("u")[0].queue.put(SubscriberEvictedError(7))
    assert run.run("SET u 1", "UNSUBSCRIBE u") == 0
    assert run.err[0].startswith("error: subscription to u: this subscriber fell behind")
    assert run.out[-1] == "ok, was not subscribed to u"


def test_info_and_help_print_tables(run: Script) -> None:
    assert run.run("INFO", "HELP", "HELP SET") == 0
    assert "limits.key_bytes_max  1,024" in run.out[0]
    assert "CHECKPOINT" in run.out[1]
    assert run.out[2].startswith("SET [--if-version N] key json")


def test_several_keys_are_subscribed_to_and_unsubscribed_at_once(run: Script) -> None:
    assert run.run("SUBSCRIBE u v", "SET v 1", "UNSUBSCRIBE u v", "SET u 1") == 0
    assert run.out == [
        "ok, subscribed to u",
        "ok, subscribed to v",
        "ok, version 1",
        "[event] set v: nil -> 1, version 1",
        "ok, unsubscribed from u",
        "ok, unsubscribed from v",
        "ok, version 1",
    ]


def test_keys_that_were_used_are_known_for_completion(run: Script) -> None:
    run.run("SET a 1", "SET b 1", "GET missing", "SUBSCRIBE c", "GET a")
    assert list(run.session.recent_keys) == ["a", "c", "b"]


def test_arguments_run_up_to_the_first_that_fails(run: Script) -> None:
    code = run_arguments(run.session, ["SET u 1", "SET --if-version 7 u 2", "SET u 3"], run.err.append)
    assert code == exits.REFUSED
    assert run.err == ["error: command 2: version conflict: expected 7, key 'u' is at 1"]
    assert run.engine.documents == {"u": (b"1", 1)}


def test_an_argument_that_cannot_be_read_is_found_before_any_runs() -> None:
    assert find_grammar_error(["SET u 1", "INFO", "", "# x"]) is None
    assert (find_grammar_error(["SET u 1", "SET u"]) or "").startswith("error: command 2: column 6: ")
    assert (find_grammar_error(["SET u"]) or "").startswith("error: column 6: ")
