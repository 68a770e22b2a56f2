"""A drained client has what it asked for, however late it reads, and whatever it says meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.core.sides import Loop, Side

REPLIES = 60


@pytest.fixture
def late(loop: Loop) -> Iterator[Side]:
    """It has asked for more than its own system takes before it reads; the other one has all of that."""
    side = Side(loop, tcp=True)
    side.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    side.ask({"kind": "set", "key": "a", "value": "x" * 3_000})
    side.send(*[{"kind": "get", "key": "a"}] * REPLIES)
    assert side.socket.recv(1, socket.MSG_PEEK)
    while loop.reactor.totals()["output_bytes"]:
        pass
    yield side
    side.close()


def test_what_a_drained_client_says_costs_it_no_reply(loop: Loop, late: Side) -> None:
    loop.reactor.drain()
    late.send({"kind": "ping"})
    assert [len(line) > 3_000 for line in late.rest().splitlines()] == [True] * REPLIES
    late.close()
    loop.until(lambda: loop.gone == [late.number])


def test_a_drained_client_stays_until_it_has_all_then_it_is_closed_by_a_tick(loop: Loop, late: Side) -> None:
    loop.reactor.drain()
    for _ in range(5):
        assert loop.reactor.tick(1, 1) == ([], [])
    assert loop.reactor.connections == 1
    assert len(late.rest().splitlines()) == REPLIES
    while loop.reactor.connections:  # its system has yet to say that it has the end, too
        loop.reactor.tick(1, 1)


def test_a_drained_client_that_is_sent_away_then_has_its_replies_first(loop: Loop, late: Side) -> None:
    loop.reactor.drain()
    loop.reactor.send_away(late.number, b"too late: nothing more is sent\n")
    late.send({"kind": "ping"})
    assert [len(line) > 3_000 for line in late.rest().splitlines()] == [True] * REPLIES


def test_a_drained_client_that_reads_nothing_is_closed_by_an_abort(loop: Loop, late: Side) -> None:
    loop.reactor.drain()
    assert loop.reactor.connections == 1
    loop.reactor.abort()
    assert loop.reactor.connections == 0


def test_who_ends_its_half_first_is_closed_though_it_has_not_read_all(loop: Loop, late: Side) -> None:
    late.socket.shutdown(socket.SHUT_WR)
    loop.until(lambda: loop.gone == [late.number])
    assert len(late.rest().splitlines()) == REPLIES
