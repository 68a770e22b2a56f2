"""Upcalls of the reactor, when something fails unexpectedly."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fluxdb.limits import ServerLimits
from fluxdb.net import clients as clients_module
from fluxdb.net.answers import Answers
from fluxdb.net.clients import Clients
from tests.net.wire import Wire, threaded

News = tuple[list[tuple[Any, ...]], list[int], list[int]]


class FakeReactor:
    """Gives out numbers, and upcalls on request."""

    fd = -1

    def __init__(self, *_: object, **__: object) -> None:
        self.coming: News = ([], [], [])
        self.adopted = 0
        self.sent_away: list[int] = []
        self.replies: list[tuple[int, int, bytes]] = []

    def adopt(self, *_: object, **__: object) -> int:
        self.adopted += 1
        return self.adopted

    def news(self) -> News:
        return self.coming

    def push(self, *_: object, **__: object) -> list[int]:
        return []

    def reply(self, *reply: Any) -> None:
        self.replies.append(reply)

    def send_away(self, number: int, line: bytes) -> None:
        assert b'"closing":true' in line
        self.sent_away.append(number)


def test_a_request_that_fails_unexpectedly_costs_its_own_client_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answered: list[int] = []
    gone: list[bool] = []

    def answer(client: Any, *_: object) -> None:
        if client.number == 1:
            raise MemoryError
        answered.append(client.number)

    on_news: list[Callable[[], None]] = []
    server = SimpleNamespace(
        client_backlog=lambda: None,
        limits=ServerLimits(),
        password=None,
        engine=SimpleNamespace(committer=None),
        loop=SimpleNamespace(add_reader=lambda fd, call: on_news.append(call)),
        answer=answer,
        note_gone=lambda: gone.append(True),
    )
    monkeypatch.setattr(clients_module, "Reactor", FakeReactor)
    monkeypatch.setattr(clients_module, "Channel", lambda committer: None)
    clients = Clients(cast("Any", server))
    accepted = SimpleNamespace(fileno=lambda: 5, detach=lambda: 5)
    for _ in range(4):
        clients.adopt(cast("Any", accepted), "127.0.0.1")
    reactor = cast("Any", clients.reactor)
    reactor.coming = ([(number, 7, "info", b"", None, None) for number in (1, 2, 3)], [3, 4], [2])
    with caplog.at_level(logging.ERROR, "fluxdb.server"):
        on_news[0]()
    assert answered == [2], "those behind it are answered, those who are gone need no answer"
    assert (gone, len(clients)) == ([True], 2)
    assert reactor.sent_away == [1]
    assert [reply[:2] for reply in reactor.replies] == [(1, 7)]
    assert [record.message for record in caplog.records] == ["127.0.0.1: a connection was closed by MemoryError"]


def test_who_asks_what_fails_unexpectedly_is_told_so_and_the_connection_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise ValueError

    monkeypatch.setattr(Answers, "_info", fail)
    with threaded(tmp_path / "data") as server, Wire(server.port) as client:
        client.send({"kind": "info", "id": 4}, {"kind": "ping"})
        reply, farewell = [json.loads(line) for line in client.rest().splitlines() if b"pong" not in line]
    assert (reply["code"], reply["id"], farewell["code"], farewell["closing"]) == ("error", 4, "error", True)
    assert "ValueError" in reply["message"]
