"""Subscribers to keys of a server: all that one read of the socket brings is delivered, and counted, together."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from fluxdb.engine.remote.subscribers import ThreadSubscriber
from fluxdb.engine.remote.watchers import Watchers
from fluxdb.errors import ClosedError, SubscriberEvictedError
from fluxdb.limits import Limits
from fluxdb.net import lines


class Bench:
    """Subscribers of the key "k", and what a server would send them."""

    def __init__(self, events_max: int, bytes_max: int = 1 << 20) -> None:
        self.limits = Limits(subscriber_events_max=events_max, subscriber_bytes_max=bytes_max)
        self.watchers = Watchers()

    def subscriber(self) -> ThreadSubscriber:
        subscriber = ThreadSubscriber(["k"], self.limits, self.watchers.remove)  # type: ignore[arg-type]
        self.watchers.add(subscriber)
        self.watchers.answered("k", [subscriber], b'{"kind":"subscribed","key":"k","revision":0}')
        return subscriber

    def read(self, revisions: Iterable[int], value: bytes = b"1") -> None:
        """All of one read."""
        for revision in revisions:
            self.watchers.pushed(lines.event((1, "k", None, value, revision, revision, revision)).rstrip())
        self.watchers.tell()


def revisions(subscriber: ThreadSubscriber, count: int = 1 << 30) -> list[int]:
    taken: list[int] = []
    while len(taken) < count and (raw := subscriber.take()) is not None:
        taken.append(raw[5])
    return taken


def evicted_after(subscriber: ThreadSubscriber) -> int:
    with pytest.raises(SubscriberEvictedError) as caught:
        subscriber.take()
    return caught.value.last_revision


def test_g8_a_read_of_more_than_the_bound_evicts_nobody_who_had_kept_up() -> None:
    bench = Bench(10)
    subscriber = bench.subscriber()
    bench.read(range(1, 11))
    bench.read(range(11, 111))
    assert revisions(subscriber) == list(range(1, 111))
    large = Bench(1_000, bytes_max=1_000)
    subscriber = large.subscriber()
    large.read(range(1, 11), value=b'"%s"' % (b"x" * 500))
    assert revisions(subscriber) == list(range(1, 11))


def test_g8_what_comes_behind_such_a_read_counts() -> None:
    bench = Bench(10)
    keeps, falls = bench.subscriber(), bench.subscriber()
    bench.read(range(1, 101))
    for revision in range(101, 111):
        bench.read([revision])
    assert revisions(keeps) == list(range(1, 111))
    assert revisions(falls, 5) == list(range(1, 6))
    bench.read([111])
    assert evicted_after(falls) == 5
    assert revisions(keeps) == [111]


def test_g8_the_next_such_read_evicts_who_has_taken_too_little_of_the_one_before() -> None:
    bench = Bench(10)
    keeps, falls = bench.subscriber(), bench.subscriber()
    bench.read(range(1, 101))
    assert len(revisions(keeps, 90)) == 90
    assert len(revisions(falls, 89)) == 89
    bench.read(range(101, 201))
    assert revisions(keeps) == list(range(91, 201))
    assert evicted_after(falls) == 89


def test_g8_a_taker_who_waits_and_had_no_turn_yet_is_not_slow_but_bounded_in_bytes() -> None:
    bench = Bench(10, bytes_max=10_000)
    subscriber = bench.subscriber()
    subscriber.wait(0)  # and does not come to taking
    for read in range(5):
        bench.read(range(read * 20 + 1, read * 20 + 21))
    assert revisions(subscriber) == list(range(1, 101))
    subscriber.wait(0)
    for read in range(5):
        bench.read(range(read * 20 + 101, read * 20 + 121), value=b'"%s"' % (b"x" * 500))
    assert evicted_after(subscriber) == 100


def test_g8_what_came_before_a_taker_had_its_turn_is_not_counted_by_number() -> None:
    bench = Bench(10)
    keeps, falls = bench.subscriber(), bench.subscriber()
    for subscriber in (keeps, falls):
        subscriber.wait(0)
    for revision in range(1, 51):
        bench.read([revision])
    assert revisions(falls, 1) == revisions(keeps, 1) == [1]
    bench.read(range(51, 61))
    assert revisions(keeps) == list(range(2, 61))
    bench.read([61])
    assert evicted_after(falls) == 1
    assert revisions(keeps) == [61]


def test_no_event_of_a_read_is_taken_before_the_slow_are_found() -> None:
    bench = Bench(2)
    keeps, falls = bench.subscriber(), bench.subscriber()
    bench.read([1, 2])
    assert revisions(keeps) == [1, 2]
    bench.watchers.pushed(lines.event((1, "k", None, b"1", 3, 3, 3)).rstrip())
    assert keeps.take() is None
    bench.watchers.tell()
    assert revisions(keeps) == [3]
    assert evicted_after(falls) == 0


def test_events_before_the_servers_eviction_in_one_read_are_told_first() -> None:
    bench = Bench(10)
    subscriber = bench.subscriber()
    for line in (lines.event((1, "k", None, b"1", 1, 1, 1)), lines.evicted("k", 1)):
        bench.watchers.pushed(line.rstrip())
    bench.watchers.tell()
    assert revisions(subscriber, 1) == [1]
    assert evicted_after(subscriber) == 1


def test_who_closes_in_the_middle_of_a_read_gets_nothing_of_it() -> None:
    bench = Bench(10)
    subscriber = bench.subscriber()
    bench.watchers.pushed(lines.event((1, "k", None, b"1", 1, 1, 1)).rstrip())
    subscriber.close()
    bench.watchers.tell()
    with pytest.raises(ClosedError):
        subscriber.take()
