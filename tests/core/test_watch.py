"""Events of watched keys, taken from the committer in pieces; those of large documents without a copy."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fluxdb._core.commit.channel import Channel
from fluxdb.model import Kind
from tests.core.conftest import drain

MakeLog = Callable[..., Any]
LARGE = 100_000


def large(number: int) -> bytes:
    return b'"%s%06d"' % (b"x" * LARGE, number)


def large_log(make_log: MakeLog) -> Any:
    return make_log(value_bytes_max=1 << 20, event_bytes_max=64 << 20, group_bytes_max=4 << 20, segment_bytes=16 << 20)


def versions(events: list[Any]) -> list[int]:
    return [event[4] for event in events]


def test_events_are_taken_a_piece_at_a_time_and_a_burst_is_what_was_there_at_its_first(log: Any) -> None:
    committer = log.committer
    committer.watch("a")
    for number in range(600):
        committer.write(Kind.SET, "a", b"%d" % number)
    events, lost, burst_over, more = committer.take_events()
    assert (versions(events), lost, burst_over, more) == (list(range(1, 257)), False, False, True)
    committer.write(Kind.SET, "a", b"600")
    events, _, burst_over, more = committer.take_events()
    assert (versions(events), burst_over, more) == (list(range(257, 513)), False, True)
    events, _, burst_over, more = committer.take_events()
    assert (versions(events), burst_over, more) == (list(range(513, 601)), True, True), "the last one came later"
    events, _, burst_over, more = committer.take_events()
    assert (versions(events), burst_over, more) == ([601], True, False)


def test_a_commit_group_is_one_burst_however_many_pieces_it_is_taken_in(log: Any) -> None:
    committer = log.committer
    channel = Channel(committer)
    committer.watch("a")
    for number in range(1_000):
        assert channel.submit(Kind.SET, "a", b"%d" % number) is not False
    drain(channel)
    assert committer.stats()["groups"] < 10
    ends = 0
    taken: list[int] = []
    more = True
    while more:
        events, _, burst_over, more = committer.take_events()
        taken += versions(events)
        ends += burst_over
    assert taken == list(range(1, 1_001))
    assert ends == 1
    channel.close()


def test_a_piece_is_bounded_in_bytes_too(make_log: MakeLog) -> None:
    log = large_log(make_log)
    log.committer.watch("a")
    for number in range(10):
        log.committer.write(Kind.SET, "a", large(number))
    pieces, more = [], True
    while more:
        events, _, _, more = log.committer.take_events()
        pieces.append(len(events))
    assert sum(pieces) == 10
    assert max(pieces) == 2, "100 KB, then 200 KB each: 256 KiB, and one event"


def test_dropped_events_are_told_of_behind_those_that_were_kept(make_log: MakeLog) -> None:
    log = make_log(event_bytes_max=60_000)
    log.committer.watch("a")
    for number in range(2_000):
        log.committer.write(Kind.SET, "a", b"%d" % number)
    events, lost, _, more = log.committer.take_events()
    assert (lost, more) == (False, True)
    taken = versions(events)
    while more:
        events, lost, _, more = log.committer.take_events()
        taken += versions(events)
    assert lost
    assert taken == list(range(1, len(taken) + 1))
    assert 256 < len(taken) < 2_000
    log.committer.write(Kind.SET, "a", b"1")
    events, lost, _, _ = log.committer.take_events()
    assert (versions(events), lost) == ([2_001], False)


def test_events_of_large_documents_say_what_they_were_though_they_are_gone_since(make_log: MakeLog) -> None:
    log = large_log(make_log)
    committer = log.committer
    committer.watch("a")
    for number in range(5):
        committer.write(Kind.SET, "a", large(number))
    committer.write(Kind.DELETE, "a", None)
    committer.write(Kind.SET, "a", b"1")
    told, more = [], True
    while more:
        events, _, _, more = committer.take_events()
        told += [(event[2], event[3]) for event in events]
    texts = [None, *map(large, range(5)), None, b"1"]
    assert told == list(pairwise(texts))
    assert log.documents.get("a") == (b"1", 7)


def test_events_of_large_documents_hold_what_a_view_shows_and_the_other_way_round(make_log: MakeLog) -> None:
    log = large_log(make_log)
    committer = log.committer
    committer.watch("a")
    committer.write(Kind.SET, "a", large(0))
    with log.documents.open_view() as view:
        committer.write(Kind.SET, "a", large(1))  # the view keeps what it replaces, and so does the event
        assert [len(event[3]) for event in committer.take_events()[0]] == [LARGE + 8] * 2
        assert large(0) in view.read_block(1 << 30)[0]
        committer.write(Kind.SET, "a", large(2))
    events = committer.take_events()[0]
    assert [(event[2], event[3]) for event in events] == [(large(1), large(2))]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.skipif("FLUXDB_SANITIZE" in os.environ, reason="the sanitizer keeps what was freed")
def test_what_events_of_large_documents_held_is_freed(make_log: MakeLog) -> None:
    log = large_log(make_log)
    committer = log.committer

    def write(rounds: int) -> None:
        for number in range(rounds):
            committer.watch("a")
            for _ in range(3):
                committer.write(Kind.SET, "a", large(number))
            if number % 2:
                committer.take_events()
            committer.unwatch("a")  # nobody gets the rest

    write(50)
    before = resident_bytes()
    write(300)
    assert resident_bytes() - before < 100 * LARGE
    committer.watch("a")
    committer.write(Kind.SET, "a", large(0))  # and what nobody takes ends with the committer


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
