"""Bounds of a reactor: what may wait for clients that read slowly or not at all, and what happens above them."""

from __future__ import annotations

import json
import select
import threading
from typing import Any

import pytest

from tests.core.conftest import Log
from tests.core.sides import TOO_MUCH, Loop, Side


def test_refusals_behind_a_reply_that_takes_its_time_count_with_what_is_not_read(log: Log) -> None:
    loop = Loop(log)
    side = Side(loop, output_bytes_max=50_000)
    side.send({"kind": "snapshot"})
    ((number, ticket, *_),) = loop.news()
    wrong = [{"kind": "nothing", "id": "x" * 10_000}] * 60
    writer = threading.Thread(target=lambda: side.send(*wrong))
    replies: list[Any] = []
    reader = threading.Thread(target=lambda: replies.extend(side.lines(61)))
    writer.start()
    while not loop.reactor.totals()["paused"]:
        select.select([loop.reactor.fd], [], [], 0.05)
        loop.reactor.news()
    assert 50_000 < loop.reactor.totals()["held_bytes"] < 2 * 50_000
    loop.reactor.reply(number, ticket, b'{"kind":"ok"}\n')
    reader.start()
    while reader.is_alive():
        select.select([loop.reactor.fd], [], [], 0.05)
        loop.reactor.news()
    writer.join()
    assert [len(reply.get("id", "")) for reply in replies] == [0] + [10_000] * 60
    side.close()
    loop.reactor.close()


def test_who_is_sent_away_has_the_replies_to_what_was_asked_before(log: Log) -> None:
    loop = Loop(log)
    side, other = Side(loop), Side(loop)
    side.send({"kind": "set", "key": "a", "value": 1}, {"kind": "snapshot"}, {"kind": "get", "key": "a"})
    ((number, ticket, *_),) = loop.news()
    loop.reactor.send_away(number, TOO_MUCH)
    side.send({"kind": "set", "key": "a", "value": 2})  # too late
    assert "doc" in other.ask({"kind": "get", "key": "a"})[0]
    loop.reactor.reply(number, ticket, b'{"kind":"ok"}\n')
    told = [json.loads(line) for line in side.rest().splitlines()]
    assert [line.get("version", line.get("code", line["kind"])) for line in told] == [1, "ok", "value", "too_large"]
    assert other.ask({"kind": "get", "key": "a"})[0]["doc"] == {"value": 1, "version": 1}
    side.close()
    other.close()
    loop.reactor.close()


@pytest.mark.guarantee(11)
def test_g11_who_makes_all_that_is_unread_too_much_is_cut_off_and_others_are_not(log: Log) -> None:
    loop = Loop(log, unread_bytes_max=400_000)
    good, sides = Side(loop), [Side(loop) for _ in range(40)]
    good.ask({"kind": "set", "key": "a", "value": "x" * 4_000})
    for side in sides:
        side.send(*[{"kind": "get", "key": "a"}] * 400)  # and reads nothing
    loop.until(lambda: loop.reactor.cut_off > 0)
    for _ in range(100):
        assert good.ask({"kind": "get", "key": "a"})[0]["doc"]["version"] == 1
        totals = loop.reactor.totals()
        assert totals["output_bytes"] + totals["held_bytes"] <= 400_000 + 41 * 65_536  # less than that is not counted
    for side in sides:
        side.close()
    loop.until(lambda: len(loop.gone) == len(sides))
    good.close()
    loop.reactor.close()


@pytest.mark.guarantee(8, 11)
def test_g8_lines_that_many_are_stuck_at_are_bounded_in_sum_the_oldest_go_first(log: Log) -> None:
    loop = Loop(log, unread_bytes_max=400_000)
    sides = [Side(loop) for _ in range(6)]
    line = b'{"kind":"event","new":"' + b"x" * 400_000 + b'"}\n'
    assert loop.reactor.push([side.number for side in sides[:3]], line[:390_000]) == []
    assert loop.reactor.cut_off == 0
    assert loop.reactor.push([sides[5].number], line[:300_000]) == []
    assert loop.reactor.cut_off == 3
    loop.until(lambda: sorted(loop.gone) == [side.number for side in sides[:3]])
    assert sides[4].ask({"kind": "ping"}) == [{"kind": "pong"}]
    assert loop.reactor.totals()["output_bytes"] <= 300_000
    for side in sides:
        side.close()
    loop.reactor.close()


@pytest.mark.guarantee(11)
def test_g11_the_memory_of_small_replies_that_wait_counts_with_what_is_unread(log: Log) -> None:
    loop = Loop(log, unread_bytes_max=400_000)
    side = Side(loop, output_bytes_max=10 << 20)
    side.send({"kind": "snapshot"}, *[{"kind": "set", "key": "a", "value": 1}] * 4_000)  # 45 bytes of reply each
    loop.until(lambda: loop.gone == [side.number])
    assert loop.reactor.cut_off == 1
    side.close()
    loop.reactor.close()
