"""The reactor over pairs of sockets: replies without Python, news for it, events from it, and nothing left behind."""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fluxdb._core.commit.channel import Channel
from tests.core.conftest import Log
from tests.core.sides import TOO_MUCH, Loop, Side

HAPPENINGS_MAX = 256  # sockets that one look of the poller reports


@pytest.fixture
def side(loop: Loop) -> Iterator[Side]:
    side = Side(loop)
    yield side
    side.close()


def test_writes_and_reads_are_answered_without_python(side: Side) -> None:
    assert side.ask(
        {"kind": "set", "key": "a", "value": {"x": 1}},
        {"kind": "patch", "key": "a", "delta": {"y": 2}},
        {"kind": "get", "key": "a", "id": 7},
        {"kind": "del", "key": "a"},
        {"kind": "get", "key": "a"},
        {"kind": "ping"},
    ) == [
        {"kind": "ok", "version": 1, "revision": 1},
        {"kind": "ok", "version": 2, "revision": 2},
        {"kind": "value", "doc": {"value": {"x": 1, "y": 2}, "version": 2}, "id": 7},
        {"kind": "ok", "version": 3, "revision": 3},
        {"kind": "value", "doc": None},
        {"kind": "pong"},
    ]


def test_requests_in_pieces_of_any_size_are_the_same(side: Side) -> None:
    requests = b"".join(b'{"kind":"set","key":"k%d","value":%d,"id":%d}\n' % (i % 5, i, i) for i in range(60))
    for piece_bytes in (1, 2, 7, 4096):
        for at in range(0, len(requests), piece_bytes):
            side.socket.sendall(requests[at : at + piece_bytes])
        assert [reply["id"] for reply in side.lines(60)] == list(range(60))


def test_requests_that_wait_for_writes_before_them_go_on_by_themselves(loop: Loop) -> None:
    requests = [{"kind": kind, "key": f"k{i % 7}", "value": i} for i in range(700) for kind in ("set", "get", "set")]
    side = Side(loop, sent=requests, tcp=True)  # there before the reactor looks: nothing that comes later wakes it
    replies = side.lines(2_100)
    assert [reply["doc"]["value"] for reply in replies[1::3]] == list(range(700))
    assert [reply["revision"] for reply in replies if reply["kind"] == "ok"] == list(range(1, 1_401))
    side.close()


@pytest.mark.guarantee(2, 3)
def test_g3_many_clients_at_once_get_every_version_once_and_all_is_in_the_log(loop: Loop, log: Log) -> None:
    sides = [Side(loop) for _ in range(16)]
    versions: list[int] = []

    def work(side: Side) -> None:
        for _ in range(50):
            versions.extend(reply["version"] for reply in side.ask(*[{"kind": "patch", "key": "n", "delta": {}}] * 4))

    threads = [threading.Thread(target=work, args=(side,)) for side in sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == list(range(1, 16 * 50 * 4 + 1))
    assert log.replayed()[0].digest() == log.documents.digest()
    for side in sides:
        side.close()


def test_what_is_wrong_is_answered_in_its_turn(loop: Loop, side: Side) -> None:
    side.send(
        {"kind": "set", "key": "a", "value": 1},
        {"kind": "nothing"},
        {"kind": "set", "key": "a", "value": 1, "if_version": 9, "id": "mine"},
        {"kind": "get", "key": "a"},
    )
    replies: list[Any] = []
    reader = threading.Thread(target=lambda: replies.extend(side.lines(4)))
    reader.start()
    while reader.is_alive():
        select.select([loop.reactor.fd], [], [], 0.05)
        loop.reactor.news()
    assert [reply["kind"] for reply in replies] == ["ok", "error", "error", "value"]
    assert (replies[1]["code"], replies[2]["actual"], replies[2]["id"]) == ("invalid_request", 1, "mine")


def test_what_is_rare_is_handed_over_and_its_reply_keeps_its_place(loop: Loop, side: Side) -> None:
    side.send({"kind": "set", "key": "a", "value": 1}, {"kind": "subscribe", "key": "a", "id": 3}, {"kind": "ping"})
    ((number, ticket, *request),) = loop.news()
    assert (number, request) == (side.number, ["subscribe", b"3", "a", None])
    loop.reactor.reply(number, ticket, b'{"kind":"subscribed"}\n')
    loop.reactor.reply(number, ticket, b'{"kind":"twice"}\n')
    assert [reply["kind"] for reply in side.lines(3)] == ["ok", "subscribed", "pong"]


def test_only_the_password_opens_a_connection_that_needs_one(loop: Loop) -> None:
    side = Side(loop, authenticated=False, line_bytes_max=300)
    side.send({"kind": "get", "key": "a"}, {"kind": "auth", "password": "p"}, {"kind": "set", "key": "a", "value": 1})
    assert loop.news() == []  # the get is refused first
    ((number, ticket, kind, _, _, password),) = loop.news()
    assert (kind, password) == ("auth", b"p")
    loop.reactor.authenticate(number, line_bytes_max=100_000, output_bytes_max=100_000)
    loop.reactor.reply(number, ticket, b'{"kind":"ok"}\n')
    assert [side.line().get("code") for _ in range(3)] == ["auth", None, None]
    assert "version" in side.ask({"kind": "set", "key": "a", "value": "x" * 1_000})[0]
    side.close()


@pytest.mark.guarantee(8)
def test_g8_who_reads_no_events_is_behind_and_python_hears_of_it_when_there_is_room(loop: Loop, side: Side) -> None:
    line = b'{"kind":"event","event":%d}\n' % 10**999
    quick = Side(loop)
    reader = threading.Thread(target=quick.rest)
    reader.start()
    pushed = 0
    while side.number not in loop.reactor.push([side.number, quick.number], line):
        pushed += 1
        assert pushed < 100_000, "nobody is ever behind"
    assert loop.reactor.push([side.number], line) == [side.number]
    assert loop.reactor.totals()["output_bytes"] < 2 * 4096
    assert loop.reactor.push([side.number], b'{"kind":"evicted"}\n', always=True) == []
    told = [side.line()["kind"] for _ in range(pushed + 1)]
    assert told == ["event"] * pushed + ["evicted"]
    loop.until(lambda: side.number in loop.roomy)
    assert loop.reactor.push([side.number], line) == []
    assert side.line()["kind"] == "event"
    loop.reactor.send_away(quick.number, b"")
    reader.join()
    quick.close()


def test_a_client_that_went_is_news_and_calls_for_it_do_nothing(loop: Loop, side: Side) -> None:
    side.send({"kind": "info"})
    ((number, ticket, *_),) = loop.news()
    side.close()
    loop.reactor.reply(number, ticket, b"{}\n")  # for this it was still there: it may have closed one half only
    loop.until(lambda: loop.gone == [number])
    loop.reactor.reply(number, ticket, b"{}\n")
    loop.reactor.authenticate(number, line_bytes_max=1, output_bytes_max=1)
    loop.reactor.send_away(number, b"{}\n")
    assert loop.reactor.push([number], b"{}\n") == []
    assert loop.reactor.connections == 0
    again = Side(loop)
    assert again.number != number
    assert again.ask({"kind": "ping"}) == [{"kind": "pong"}]
    again.close()


def test_the_writes_of_a_client_that_went_are_kept(loop: Loop, log: Log) -> None:
    for i in range(200):
        side = Side(loop)
        side.send({"kind": "set", "key": f"k{i % 50}", "value": i}, {"kind": "set", "key": "last", "value": i})
        side.close()
    loop.until(lambda: len(loop.gone) == 200)
    assert log.replayed()[0].digest() == log.documents.digest()
    assert len(log.documents) == 51


def test_who_is_sent_away_reads_why(loop: Loop, side: Side) -> None:
    loop.reactor.send_away(side.number, b'{"kind":"error","code":"timeout"}\n')
    assert side.rest() == b'{"kind":"error","code":"timeout"}\n'
    side.close()
    loop.until(lambda: loop.gone == [side.number])


def test_who_never_closes_after_being_sent_away_is_closed_in_the_next_ticks(loop: Loop, side: Side) -> None:
    loop.reactor.send_away(side.number, b"{}\n")
    for _ in range(3):
        loop.reactor.tick(0, 0)
    loop.until(lambda: bool(loop.gone))
    assert (loop.gone, loop.reactor.connections) == ([side.number], 0)


def test_ticks_tell_who_is_silent_and_who_is_idle(loop: Loop, side: Side) -> None:
    talking = Side(loop)
    talking.ask({"kind": "ping"})
    assert loop.reactor.tick(1, 1) == ([], [])
    assert loop.reactor.tick(1, 1) == ([side.number], [talking.number])
    assert loop.reactor.tick(0, 0) == ([], [])
    talking.close()


def test_another_protocol_is_told_so_and_nothing_behind_it_is_executed(loop: Loop, side: Side, log: Log) -> None:
    side.socket.sendall(b'GET / HTTP/1.1\r\n\r\n{"kind":"set","key":"a","value":1}\n')
    loop.news()
    (line,) = side.rest().splitlines()
    assert json.loads(line)["code"] == "invalid_request"
    assert len(log.documents) == 0


@pytest.mark.guarantee(11)
def test_g11_large_requests_that_never_end_are_bounded_over_all_clients(loop: Loop) -> None:
    sides = [Side(loop, line_bytes_max=1 << 20) for _ in range(2)]
    for side in sides:
        side.socket.sendall(b'{"kind":"set","key":"a","value":"' + b"x" * 700_000)
        while loop.reactor.totals()["input_bytes"] < 700_000:
            pass
    assert sides[1].rest() == TOO_MUCH
    assert loop.reactor.totals()["input_bytes"] < 1 << 20
    sides[0].socket.sendall(b'"}\n')
    loop.news()
    assert sides[0].line()["code"] == "too_large"  # it is over the limit of a value, too
    for side in sides:
        side.close()


@pytest.mark.guarantee(11)
def test_g11_replies_that_nobody_reads_stop_the_reading_of_requests_and_come_in_the_end(loop: Loop) -> None:
    side = Side(loop, output_bytes_max=10_000)
    side.ask({"kind": "set", "key": "a", "value": "x" * 3_000})
    sender = threading.Thread(target=side.send, args=[{"kind": "get", "key": "a", "id": i} for i in range(3_000)])
    sender.start()
    while not loop.reactor.totals()["paused"]:
        sender.join(0.01)
    totals = loop.reactor.totals()
    assert totals["output_bytes"] + totals["held_bytes"] < 20_000
    assert [side.line()["id"] for _ in range(3_000)] == list(range(3_000))
    sender.join()
    side.close()


def test_drained_clients_get_all_that_they_asked_for(loop: Loop, log: Log) -> None:
    sides = [Side(loop) for _ in range(8)]
    for side in sides:
        side.send(*[{"kind": "set", "key": "a", "value": i} for i in range(20)])
        assert side.line()["kind"] == "ok"  # so that all were received
    loop.reactor.drain()
    for side in sides:
        assert len(side.rest().splitlines()) == 19
        side.close()
    loop.until(lambda: loop.reactor.connections == 0)


def test_more_sockets_than_one_look_reports_all_have_their_turn(loop: Loop) -> None:
    sides = [Side(loop) for _ in range(2 * HAPPENINGS_MAX + 7)]
    for _ in range(3):
        for side in sides:
            side.send({"kind": "ping"})
        assert [side.line() for side in sides] == [{"kind": "pong"}] * len(sides)
    for side in sides:
        side.close()
    loop.until(lambda: len(loop.gone) == len(sides))


def test_of_a_closed_database_writes_are_refused_and_reads_go_on(loop: Loop, side: Side, log: Log) -> None:
    side.ask({"kind": "set", "key": "a", "value": 1})
    log.committer.close()
    side.send({"kind": "set", "key": "a", "value": 2}, {"kind": "get", "key": "a"})
    loop.news()
    refused, got = side.lines(2)
    assert (refused["code"], got["doc"]["value"]) == ("closed", 1)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process holds")
def test_to_close_ends_the_thread_and_leaves_no_descriptor(log: Log) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    Channel(log.committer).close()  # the committer's own thread runs from here on
    before = descriptors(), threads()
    loop = Loop(log)
    sides = [Side(loop) for _ in range(5)]
    for side in sides:
        side.ask({"kind": "set", "key": "a", "value": 1})
    loop.reactor.close()
    loop.reactor.close()
    for side in sides:
        assert side.rest() == b""
        side.close()
    del loop, side, sides
    assert (descriptors(), threads()) == before


def test_a_child_of_a_fork_ends_without_waiting_for_the_thread(loop: Loop, side: Side) -> None:
    side.ask({"kind": "ping"})
    child = os.fork()
    if child == 0:
        loop.reactor.close()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert side.ask({"kind": "ping"}) == [{"kind": "pong"}]


def test_a_conflict_is_answered_without_python(loop: Loop) -> None:
    """Whether it rests on what is durable, or on a write before it that is not: nobody looks at the news here."""
    side = Side(loop)
    message = "version conflict: expected 9, the key is at 1"
    conflict = {"kind": "error", "code": "version_conflict", "message": message, "key": "a"}
    replies = side.ask(
        {"kind": "set", "key": "a", "value": 1},
        {"kind": "set", "key": "a", "value": 2, "if_version": 9, "id": "x"},
        {"kind": "del", "key": "a", "if_version": 9},
    )
    assert replies[1:] == [
        {**conflict, "expected": 9, "actual": 1, "id": "x"},
        {**conflict, "expected": 9, "actual": 1},
    ]
    assert side.ask({"kind": "patch", "key": "a", "delta": 1, "if_version": 9}) == [
        {**conflict, "expected": 9, "actual": 1}
    ]
    assert loop.reactor.counts["set"] == (1, 1)
    side.close()
