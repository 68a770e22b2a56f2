"""BATCH, CHECK, COMMIT and ABORT in a session: collected, then written all or nothing."""

from __future__ import annotations

import pytest

from fluxdb.cli import exits
from fluxdb.cli.shell.answers import Replies
from fluxdb.cli.shell.events import EventsInStep
from fluxdb.cli.shell.script import run_arguments
from fluxdb.cli.shell.session import Session
from fluxdb.engine.handle import ANY_VERSION
from fluxdb.engine.operation import Operation
from fluxdb.errors import LimitError
from fluxdb.model import Kind
from tests.cli.fake_engine import FakeEngine
from tests.cli.test_session import Script, run

__all__ = ["run"]  # the fixture


def test_a_batch_is_collected_and_written_at_commit(run: Script) -> None:
    lines = (
        "BATCH",
        "CHECK a MISSING",
        "CHECK b 3",
        "check c exists",
        'SET a {"x": 1}',
        "PATCH --if-version 0 --remove-nulls b {}",
        "INCREMENT n 5 /hits",
        "DELETE --if-version 1 gone",
    )
    assert run.run(*lines) == exits.REFUSED  # at the end: it was not committed
    assert run.engine.batches == [] and run.engine.documents == {}
    assert run.err == ["error: the batch was not committed: nothing of it was written"]
    assert run.run("COMMIT", "GET a") == 0
    assert run.engine.batches == [
        [
            Operation(Kind.CHECK, "a", None, 0),
            Operation(Kind.CHECK, "b", None, 3),
            Operation(Kind.CHECK, "c", None, ANY_VERSION, exists=True),
            Operation(Kind.SET, "a", b'{"x": 1}'),
            Operation(Kind.PATCH_REMOVE_NULLS, "b", b"{}", 0),
            Operation(Kind.INCREMENT, "n", by=5, path="/hits"),
            Operation(Kind.DELETE, "gone", None, 1),
        ]
    ]
    assert run.out[:2] == ["ok, 0 operations to COMMIT or ABORT", "ok, 1 operation to COMMIT or ABORT"]
    assert run.out[-2:] == [
        "ok, revision 3, versions nil, nil, nil, 1, 1, 1, nil",
        'Document { value: {"x":1}, version: 1 }',
    ]


def test_reads_in_a_batch_see_what_was_there_before_it(run: Script) -> None:
    assert run.run("SET a 1", "BATCH", "SET a 2", "GET a", "COUNT", "ABORT", "GET a") == 0
    assert run.out[3:] == [
        "Document { value: 1, version: 1 }",
        "1",
        "ok, nothing of 1 operation was written",
        "Document { value: 1, version: 1 }",
    ]


@pytest.mark.guarantee(4)
def test_g4_a_scripts_batch_without_one_of_its_lines_is_not_written(run: Script) -> None:
    assert run.run("BATCH", "SET a {", "SET b 1", "COMMIT", "SET c 1") == exits.REFUSED
    assert run.engine.batches == []
    assert list(run.engine.documents) == ["c"]
    assert run.err[-1] == "error: line 4: line 2 failed: nothing of the batch was written"
    assert run.run("BATCH", "SET b 1", "COMMIT") == 0  # the next one is another
    assert len(run.engine.batches) == 1


def test_a_batch_that_is_rejected_is_over(run: Script) -> None:
    run.run("BATCH", "SET a 1")
    run.engine.fail_with = LimitError("too much (batch_bytes_max)")
    assert run.run("COMMIT", "SET b 1") == exits.REFUSED
    assert list(run.engine.documents) == ["b"]


def test_what_is_out_of_place_says_how_a_batch_goes(run: Script) -> None:
    assert run.run("COMMIT", "ABORT", "CHECK a 1", "BATCH", "BATCH", "ABORT") == exits.REFUSED
    assert run.err == [
        "error: line 1: COMMIT ends a batch, and none is open: BATCH begins one",
        "error: line 2: ABORT ends a batch, and none is open: BATCH begins one",
        "error: line 3: CHECK is a condition of a batch, which BATCH begins",
        "error: line 5: a batch is open already: COMMIT writes it, ABORT forgets it",
    ]


def test_as_json_a_batch_answers_as_on_the_wire() -> None:
    engine, out = FakeEngine(), list[str]()
    session = Session(engine, EventsInStep(out.append, out.append, Replies()), out.append, Replies())
    arguments = ["BATCH", "CHECK a MISSING", "SET a 1", "COMMIT", "BATCH", "SET b 2"]
    assert run_arguments(session, arguments, out.append, Replies()) == exits.REFUSED
    assert out == [
        '{"kind":"ok","collected":0}',
        '{"kind":"ok","collected":1}',
        '{"kind":"ok","collected":2}',
        '{"kind":"ok","versions":[null,1],"revision":1}',
        '{"kind":"ok","collected":0}',
        '{"kind":"ok","collected":1}',
        '{"kind":"error","code":"invalid","message":"the batch was not committed: nothing of it was written"}',
    ]
    assert list(engine.documents) == ["a"]
