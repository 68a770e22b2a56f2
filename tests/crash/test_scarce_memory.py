"""Memory that runs out after a write was decided: no failure is reported as a success, and no snapshot lies.

Functions whose names don't begin with ``test`` run in a worker, under the shim. Every fault must have fired.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fluxdb._core.commit.channel import Channel
from fluxdb.model import Kind
from fluxdb.storage.database import Database
from tests.core.client import Client
from tests.core.conftest import Log, drain
from tests.core.sides import Loop, Side
from tests.support.attempts import attempt
from tests.support.script import LIMITS
from tests.support.shim import Call, Shim
from tests.support.worker import Worker

HERE = __name__
FAILURE_BYTES = 72  # of what is kept of a write that was refused or failed, until its loop asks
GROWTH_BYTES = 256  # that a buffer of replies is given beyond what it needs
TOMBSTONES_BYTES = 1024  # of the first queue of tombstones


def held_then_scarce(shim: Shim, byte_count: int, held: Any, done: Any) -> None:
    """Let the held sync go on without memory of that size, until ``done``."""
    fired = shim.scarce_fired
    shim.scarce(byte_count)
    held.release()
    while shim.scarce_fired == fired or not done():
        time.sleep(0.001)
    shim.scarce(0)


def told(outcome: Any) -> str:
    return "" if outcome is None else type(outcome).__name__ + "?" * outcome.maybe_applied


def refusal_is_lost(path: str) -> dict[str, Any]:
    shim = Shim()
    shim.begin(path)
    log = Log(Path(path))
    channel = Channel(log.committer)
    held = shim.hold(Call.SYNC, part="log-")
    channel.submit(Kind.SET, "a", b"1")
    held.wait()
    channel.submit(Kind.SET, "b", b"1")
    channel.submit(Kind.SET, "a", b"2", 7)  # a conflict with a version that is not durable yet
    channel.submit(Kind.SET, "c", b"1")
    held_then_scarce(shim, FAILURE_BYTES, held, lambda: log.committer.stats()["groups"] == 2)
    said: dict[str, Any] = {"lost": [told(outcome) for outcome in drain(channel)]}
    channel.submit(Kind.SET, "a", b"2")
    rejected = channel.submit(Kind.SET, "a", b"3", 7)
    said["then"] = [told(outcome) for outcome in drain(channel)] + [told(rejected)]
    log.committer.close()
    shim.end()
    return said


@pytest.mark.guarantee(1)
def test_g1_a_refusal_that_can_not_be_kept_is_no_success(worker: Worker, tmp_path: Path) -> None:
    said = worker.call(f"{HERE}:refusal_is_lost", path=str(tmp_path))
    assert said["lost"] == ["", "", "StorageError?", ""]
    assert said["then"] == ["", "", "VersionConflictError"]


def refusal_is_lost_on_the_wire(path: str) -> list[Any]:
    shim = Shim()
    shim.begin(path)
    log = Log(Path(path))
    client = Client(log)
    held = shim.hold(Call.SYNC, part="log-")
    client.send({"kind": "set", "key": "a", "value": 1})
    held.wait()
    client.send(
        {"kind": "set", "key": "b", "value": 1},
        {"kind": "set", "key": "a", "value": 2, "if_version": 7, "id": 3},
        {"kind": "set", "key": "c", "value": 1},
    )
    held_then_scarce(shim, FAILURE_BYTES, held, lambda: log.committer.stats()["groups"] == 2)
    replies = client.settle()
    replies += client.ask({"kind": "set", "key": "a", "value": 2, "if_version": 1})
    log.committer.close()
    shim.end()
    return replies


@pytest.mark.guarantee(1)
def test_g1_a_refusal_that_can_not_be_kept_is_no_success_on_the_wire(worker: Worker, tmp_path: Path) -> None:
    replies = worker.call(f"{HERE}:refusal_is_lost_on_the_wire", path=str(tmp_path))
    assert [reply["kind"] for reply in replies] == ["ok", "ok", "error", "ok", "ok"]
    assert (replies[2]["id"], replies[2]["code"], replies[2]["maybe_applied"]) == (3, "storage", True)


def reply_has_no_room_once(path: str) -> list[Any]:
    shim = Shim()
    shim.begin(path)
    log = Log(Path(path))
    loop = Loop(log)
    side, other = Side(loop), Side(loop)
    held = shim.hold(Call.SYNC, part="log-")
    side.send({"kind": "set", "key": "a", "value": 1}, {"kind": "nothing"})
    held.wait()
    written = b'{"kind":"ok","version":1,"revision":1}\n'
    words = b'"' + b"x" * 9_000 + b'"\n'
    loop.reactor.reply(side.number, 1, words)  # the second's; it waits for the write before it
    shim.scarce_growth(len(written) + len(words) + GROWTH_BYTES)
    held.release()
    said: list[Any] = [side.rest().decode()]
    said += [shim.scarce_growth_fired, other.ask({"kind": "get", "key": "a"})]
    loop.reactor.close()
    log.committer.close()
    shim.end()
    return said


def test_a_client_whose_reply_there_was_no_room_for_is_closed_and_others_go_on(worker: Worker, tmp_path: Path) -> None:
    rest, fired, others = worker.call(f"{HERE}:reply_has_no_room_once", path=str(tmp_path))
    assert fired
    assert rest == ""
    assert others == [{"kind": "value", "doc": {"value": 1, "version": 1}}]


def group_is_half_applied(path: str) -> dict[str, Any]:
    shim = Shim()
    shim.begin(path)
    database = Database.open(Path(path) / "db", LIMITS)
    database.committer.write(Kind.SET, "x", b"1")
    channel = Channel(database.committer)
    held = shim.hold(Call.SYNC, part="log-")
    channel.submit(Kind.SET, "a", b"1")
    held.wait()
    channel.submit(Kind.SET, "x", b"2")
    channel.submit(Kind.DELETE, "a", None)
    held_then_scarce(shim, TOMBSTONES_BYTES, held, lambda: database.committer.poisoned)
    said: dict[str, Any] = {"told": [told(outcome) for outcome in drain(channel)]}
    said["poisoned"] = database.committer.poisoned
    said["checkpoint"] = attempt(database.checkpoint)
    said["write"] = attempt(lambda: database.committer.write(Kind.SET, "y", b"1"))
    database.close()
    shim.end()
    with_all = Database.open(Path(path) / "db", LIMITS)
    said["reopened"] = [str(with_all.documents.get(key)) for key in "xa"]
    said["snapshots"] = [file.name for file in (Path(path) / "db").glob("snapshot-*")]
    with_all.close()
    return said


@pytest.mark.guarantee(2)
def test_g2_no_snapshot_is_written_of_a_group_that_is_half_applied(worker: Worker, tmp_path: Path) -> None:
    said = worker.call(f"{HERE}:group_is_half_applied", path=str(tmp_path))
    assert said["told"] == ["", "PoisonedError?", "PoisonedError?"]
    assert said["poisoned"] == "making room in memory failed: Cannot allocate memory"
    assert said["checkpoint"] == "StorageError"
    assert said["write"] == "PoisonedError"
    assert said["snapshots"] == []
    assert said["reopened"] == ["(b'2', 2)", "None"]


def client_goes_without_memory(path: str) -> list[int]:
    """The numbers of those who went, in a worker."""
    shim = Shim()
    shim.begin(path)
    loop = Loop(Log(Path(path)))
    side, other = Side(loop), Side(loop)
    other.ask({"kind": "ping"})
    shim.scarce_growth(8 + GROWTH_BYTES)  # of a buffer for one number
    side.close()
    loop.until(lambda: loop.gone == [side.number])
    shim.scarce_growth(0)
    other.close()
    loop.until(lambda: len(loop.gone) == 2)
    loop.reactor.close()
    loop.log.committer.close()
    shim.end()
    return loop.gone


@pytest.mark.skipif(sys.platform != "linux", reason="there is no epoll")
def test_a_client_that_went_is_told_whatever_memory_there_is(worker: Worker, tmp_path: Path) -> None:
    assert worker.call(f"{HERE}:client_goes_without_memory", path=str(tmp_path)) == [0, 1]
