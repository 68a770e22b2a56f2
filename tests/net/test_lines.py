"""Error replies that Python writes: each says what the error holds."""

from __future__ import annotations

import json

import pytest

from fluxdb.engine.remote.failure import failure
from fluxdb.errors import FluxDBError, LimitError, PoisonedError, VersionConflictError
from fluxdb.net import lines


@pytest.mark.parametrize("maybe_applied", [True, False])
def test_g5_an_error_of_unknown_outcome_says_so(maybe_applied: bool) -> None:
    reply = json.loads(lines.error(PoisonedError("the disk failed", maybe_applied=maybe_applied), b'"a"'))
    assert reply.pop("maybe_applied", False) is maybe_applied
    assert reply == {"kind": "error", "code": "poisoned", "message": "the disk failed", "id": "a"}


@pytest.mark.parametrize(
    "error", [PoisonedError("p", maybe_applied=True), VersionConflictError("", 1, 2), LimitError("too much")]
)
def test_the_client_raises_what_the_server_met(error: FluxDBError) -> None:
    raised = failure(json.loads(lines.error(error)))
    assert type(raised) is type(error)
    assert raised.maybe_applied is error.maybe_applied
    assert vars(raised) == vars(error)
    assert str(raised) == str(error)


@pytest.mark.parametrize("line", [lines.unheard(1), lines.idle(1), lines.too_much_input(1), lines.too_many(1)])
def test_words_behind_which_the_server_closes_are_marked_as_no_reply(line: bytes) -> None:
    assert json.loads(line)["closing"] is True


def test_an_error_that_nobody_expected_tells_no_secrets() -> None:
    reply = json.loads(lines.error(ValueError("secret")))
    assert (reply["kind"], reply["code"]) == ("error", "error")
    assert "secret" not in reply["message"]
