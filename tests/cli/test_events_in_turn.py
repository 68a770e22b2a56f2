"""Events as they come, in the terminal and in a pipe to a server: a write's own after its answer, none in a command."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import fluxdb
from fluxdb.cli.shell.commands import Exit
from fluxdb.cli.shell.events_in_turn import EventsInTurn, Printers
from fluxdb.cli.shell.grammar import parse
from fluxdb.cli.shell.session import Session
from fluxdb.engine.handle import EngineHandle


class Shell:
    def __init__(self, engine: EngineHandle) -> None:
        self.lines: list[str] = []
        self.printed = threading.Condition()
        self.engine = engine
        self.events = EventsInTurn(self.print, self.print)
        self.session = Session(engine, self.events, self.print)

    def print(self, line: str) -> None:
        with self.printed:
            self.lines.append(line)
            self.printed.notify_all()

    def run(self, line: str) -> None:
        command = parse(line)
        assert command is not None
        self.session.run(command)

    def wait_for(self, count: int) -> None:
        with self.printed:
            assert self.printed.wait_for(lambda: len(self.lines) >= count, 30)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with fluxdb.open(tmp_path / "db") as db:
        shell = Shell(db.handle)
        yield shell
        shell.session.close()


def test_what_others_write_is_printed_without_a_command(shell: Shell) -> None:
    shell.run("SUBSCRIBE k")
    shell.engine.set("k", b"1")
    shell.wait_for(2)
    assert shell.lines == ["ok, subscribed to k", "[event] set k: nil -> 1, version 1"]


def test_a_write_is_answered_then_its_event_is_printed_then_it_ends(shell: Shell) -> None:
    shell.run("SUBSCRIBE k")
    for number in range(1, 101):
        shell.run(f"SET k {number}")
        assert shell.lines[-2] == f"ok, version {number}"
        assert shell.lines[-1].endswith(f"-> {number}, version {number}")
        assert len(shell.lines) == 1 + 2 * number


def test_no_event_is_printed_within_a_command_nor_behind_unsubscribe(shell: Shell) -> None:
    shell.run("SUBSCRIBE k")
    with shell.events.turn():
        shell.engine.set("k", b"1")
        assert len(shell.lines) == 1
        shell.events.stop("k")
    shell.run("SUBSCRIBE k")
    shell.run("SET k 2")
    assert [line for line in shell.lines if "event" in line] == ["[event] set k: 1 -> 2, version 2"]


def test_a_write_does_not_wait_for_the_event_of_a_subscription_that_has_ended(shell: Shell) -> None:
    shell.run("SUBSCRIBE k")
    with shell.events.turn():
        shell.engine.set("k", b"1")
        shell.events._subscribers["k"].close()
        shell.events.written("k", 1)
    assert "subscription to k" in shell.lines[-1]
    assert "k" not in shell.events


def test_where_an_event_can_not_be_printed_the_command_fails(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_reads(line: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(shell.events, "_in_turn", Printers(nobody_reads, nobody_reads))
    shell.run("SUBSCRIBE k")
    with pytest.raises(BrokenPipeError):
        shell.run("SET k 1")


def test_the_event_of_a_write_is_printed_as_its_answer_and_others_above_the_line(tmp_path: Path) -> None:
    answers, above, arrived = list[str](), list[str](), threading.Event()

    def print_above(line: str) -> None:
        above.append(line)
        arrived.set()

    with fluxdb.open(tmp_path / "db") as db:
        events = EventsInTurn(answers.append, answers.append, Printers(print_above, print_above))
        session = Session(db.handle, events, answers.append)
        for line in ("SUBSCRIBE k", "SET k 1"):
            session.run(parse(line) or Exit())
        db.set("k", 2)
        assert arrived.wait(30)
        session.close()
    assert answers == ["ok, subscribed to k", "ok, version 1", "[event] set k: nil -> 1, version 1"]
    assert above == ["[event] set k: 1 -> 2, version 2"]
