"""KEYS, SCAN, COUNT, INCREMENT and GET with a path, whatever the engine is."""

from __future__ import annotations

import pytest

from fluxdb.cli.shell.answers import Replies
from fluxdb.cli.shell.events import EventsInStep
from fluxdb.cli.shell.script import run_arguments
from fluxdb.cli.shell.session import Session
from fluxdb.engine.ranges import ScanRange
from tests.cli.fake_engine import FakeEngine
from tests.cli.test_session import Script, run

__all__ = ["run"]  # the fixture


@pytest.fixture
def filled(run: Script) -> Script:
    run.run(*(f'SET "user:{number} x" {number}' for number in range(5)), "SET other 9")
    run.out.clear()
    return run


def test_keys_of_all_pages_are_listed_as_the_grammar_reads_them(filled: Script) -> None:
    assert filled.run("KEYS") == 0
    assert filled.out == ['other\n"user:0 x"', '"user:1 x"\n"user:2 x"', '"user:3 x"\n"user:4 x"']
    assert [keys.after for keys in filled.engine.ranges] == [None, "user:0 x", "user:2 x"]


def test_documents_are_shown_in_order_up_to_the_limit_over_pages(filled: Script) -> None:
    assert filled.run("SCAN --limit 3 --reverse user:") == 0
    assert filled.out == [
        '"user:4 x": Document { value: 4, version: 1 }\n"user:3 x": Document { value: 3, version: 1 }',
        '"user:2 x": Document { value: 2, version: 1 }',
    ]
    assert [keys.limit for keys in filled.engine.ranges] == [3, 1]


def test_a_range_that_is_empty_prints_nothing(filled: Script) -> None:
    assert filled.run("KEYS nobody:", "SCAN nobody:", "COUNT nobody:") == 0
    assert filled.out == ["0"]


def test_bounds_reach_the_engine(filled: Script) -> None:
    assert filled.run('KEYS --start "user:1 x" --end=user:4 --after "user:2 x" user:', "COUNT user:") == 0
    assert filled.engine.ranges == [ScanRange("user:", "user:1 x", "user:4", "user:2 x")]
    assert filled.out == ['"user:3 x"', "5"]


def test_incrementing_prints_the_sum(run: Script) -> None:
    assert run.run("INCREMENT hits", "INCR hits 41", "INCREMENT hits -2") == 0
    assert run.out == ["ok, 1, version 1", "ok, 42, version 2", "ok, 40, version 3"]
    assert list(run.session.recent_keys) == ["hits"]


def test_a_part_is_shown_with_the_version_of_its_document(run: Script) -> None:
    assert run.run('SET u {"a b": {"c": [1]}}', "GET u /a b/c", "GET u /x", "GET --value u /a b") == 0
    assert run.out[1:] == ["Document { value: [1], version: 1 }", "nil", '{"c":[1]}']


def test_as_json_pages_and_counts_are_those_of_the_wire() -> None:
    engine, out = FakeEngine(), list[str]()
    session = Session(engine, EventsInStep(out.append, out.append, Replies()), out.append, Replies())
    arguments = ["SET a [1]", "SET b 2", "SET c 3", "SCAN", "KEYS --limit 1", "COUNT", "INCREMENT c", "KEYS x"]
    assert run_arguments(session, arguments, out.append, Replies()) == 0
    assert out[3:] == [
        (
            '{"kind":"page","entries":[{"key":"a","value":[1],"version":1},{"key":"b","value":2,"version":1}],'
            '"more":true,"revision":3}'
        ),
        '{"kind":"page","entries":[{"key":"c","value":3,"version":1}],"more":false,"revision":3}',
        '{"kind":"page","entries":[{"key":"a"}],"more":true,"revision":3}',
        '{"kind":"count","count":3,"revision":3}',
        '{"kind":"ok","value":4,"version":2,"revision":4}',
        '{"kind":"page","entries":[],"more":false,"revision":4}',
    ]
