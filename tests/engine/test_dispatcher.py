"""The dispatcher by itself, over a committer that tells what a test gives it."""

from __future__ import annotations

import gc
from functools import partial
from typing import Any, cast

import pytest

from fluxdb._core.events.backlog import ClientBacklog
from fluxdb._core.events.dispatcher import Dispatcher
from fluxdb.engine.feed import Feed
from fluxdb.engine.handle import RawEvent
from fluxdb.engine.local.subscribers import FeedSubscriber, ThreadSubscriber
from fluxdb.errors import ClosedError, LimitError, SubscriberEvictedError


class Committer:
    def __init__(self) -> None:
        self.revision = 0
        self.events: list[RawEvent] | BaseException = []
        self.piece = 1_000  # events at once
        self.lost = False  # were some dropped behind them?

    def watch(self, key: str) -> int:
        return self.revision

    def unwatch(self, key: str) -> None: ...

    def take_events(self) -> tuple[list[RawEvent], bool, bool, bool]:
        if isinstance(self.events, BaseException):
            raise self.events
        events, self.events = self.events[: self.piece], self.events[self.piece :]
        lost, self.lost = self.lost and not self.events, self.lost and bool(self.events)
        return events, lost, not self.events, bool(self.events)


def in_client(backlog: ClientBacklog, feed: Feed, keys: tuple[str, ...], on_end: Any) -> ThreadSubscriber:
    subscriber = ThreadSubscriber(feed, keys, on_end)
    subscriber.client = backlog
    return subscriber


class Told:
    """A dispatcher, and what it tells: values of so many bytes."""

    def __init__(
        self, *, subscriber_bytes_max: int = 1 << 30, queued_bytes_max: int = 1 << 30, subscriptions_max: int = 1_000
    ) -> None:
        self.committer = Committer()
        self.dispatcher = Dispatcher(
            self.committer,
            subscriber_events_max=1_000,
            subscriber_bytes_max=subscriber_bytes_max,
            queued_bytes_max=queued_bytes_max,
            subscriptions_max=subscriptions_max,
        )

    def subscribe(self, *keys: str, client: ClientBacklog | None = None) -> FeedSubscriber:
        if client is None:
            return self.dispatcher.subscribe(ThreadSubscriber, keys)
        return self.dispatcher.subscribe(partial(in_client, client), keys)

    def tell(self, *keys: str, value_bytes: int = 100) -> None:
        assert isinstance(self.committer.events, list)
        for key in keys:
            self.committer.revision += 1
            revision = self.committer.revision
            self.committer.events.append((1, key, None, b"x" * value_bytes, revision, revision, revision))
        self.dispatcher.dispatch()

    @property
    def bytes_held(self) -> int:
        return self.dispatcher.backlog.bytes_held


def revisions(subscriber: FeedSubscriber) -> list[int]:
    taken = []
    while (raw := subscriber.take()) is not None:
        taken.append(raw[5])
    return taken


def test_subscribers_whose_events_there_was_no_memory_for_are_evicted() -> None:
    told = Told()
    subscribers = [told.subscribe(key) for key in "ab"]
    told.committer.events = MemoryError()
    with pytest.raises(MemoryError):
        told.dispatcher.dispatch()
    for subscriber in subscribers:
        with pytest.raises(SubscriberEvictedError):
            subscriber.take()
    assert told.dispatcher.counts(0) == (0, 2)
    assert told.dispatcher.feeds == {}


def test_g8_events_that_were_dropped_evict_every_subscriber_behind_those_that_were_kept() -> None:
    told = Told()
    told.committer.piece = 10
    takes, idle, other = told.subscribe("a"), told.subscribe("a"), told.subscribe("b")
    told.committer.lost = True
    told.tell(*["a"] * 15)
    assert revisions(takes) == list(range(1, 11))
    assert not other.evicted
    assert not told.dispatcher.dispatch()
    for subscriber, last_revision in ((takes, 10), (idle, 0), (other, 0)):
        with pytest.raises(SubscriberEvictedError) as caught:
            subscriber.take()
        assert caught.value.last_revision == last_revision
    assert told.dispatcher.counts(0) == (0, 3)


# All feeds together


def test_g11_beyond_the_bound_of_all_queues_the_longest_are_evicted_first() -> None:
    told = Told(queued_bytes_max=100_000)
    short, long, longest = told.subscribe("a"), told.subscribe("b"), told.subscribe("c")
    for _ in range(10):
        told.tell("a", "b", "c", "c", value_bytes=1_000)
    told.tell(*["b", "c"] * 30, value_bytes=1_000)
    assert (short.evicted, long.evicted, longest.evicted) == (False, False, True)
    assert 0 < told.bytes_held <= 100_000
    told.tell(*["b"] * 40, value_bytes=1_000)
    assert (short.evicted, long.evicted) == (False, True)
    assert len(revisions(short)) == 10


def test_what_feeds_hold_is_counted_until_all_have_taken_it() -> None:
    told = Told()
    assert told.bytes_held == 0
    first, second, both = told.subscribe("a"), told.subscribe("a"), told.subscribe("a", "b")
    told.tell("a", "b")
    one = told.bytes_held // 3
    assert one > 100
    revisions(first)
    assert told.bytes_held == 3 * one, "the other has yet to take it"
    revisions(second)
    assert told.bytes_held == 2 * one
    both.close()
    assert told.bytes_held == 0


def test_what_a_forgotten_feed_held_is_not_counted() -> None:
    told = Told()
    subscriber = told.subscribe("a")
    told.tell(*["a"] * 10)
    assert told.bytes_held > 0
    subscriber.close()
    del subscriber
    gc.collect()
    assert told.bytes_held == 0
    assert told.dispatcher.feeds == {}


def test_g11_the_backlog_is_bounded_on_request() -> None:
    told = Told()
    reads, idle = told.subscribe("a"), told.subscribe("b")
    told.tell(*["b"] * 10, "a")
    told.dispatcher.bound_backlog(told.bytes_held)
    assert not idle.evicted
    told.dispatcher.bound_backlog(told.bytes_held - 1)
    assert (idle.evicted, reads.evicted) == (True, False)


# One client


def test_g8_what_waits_for_one_client_is_bounded_whatever_it_watches() -> None:
    told = Told()
    stuck = ClientBacklog(100_000)
    subscribers = [told.subscribe(f"k{i}", client=stuck) for i in range(60)]
    healthy = ClientBacklog(100_000)
    reads = [told.subscribe(f"k{i}", client=healthy) for i in range(60)]
    for _ in range(10):
        for i in range(60):
            told.tell(f"k{i}", value_bytes=1_000)
            assert len(revisions(reads[i])) == 1
            assert stuck.bytes_waiting <= 100_000
    assert told.bytes_held <= 100_000
    assert any(subscriber.evicted for subscriber in subscribers)
    assert not any(subscriber.evicted for subscriber in reads)
    assert healthy.bytes_waiting == 0


def test_g8_of_a_client_beyond_its_bound_the_longest_queue_goes_first() -> None:
    told = Told()
    client = ClientBacklog(50_000)
    quiet, busy = told.subscribe("quiet", client=client), told.subscribe("busy", client=client)
    told.tell("quiet")
    for _ in range(60):
        told.tell("busy", value_bytes=1_000)
    assert (quiet.evicted, busy.evicted) == (False, True)
    assert client.bytes_waiting == told.bytes_held > 0
    assert revisions(quiet) == [1]
    assert client.bytes_waiting == 0


def test_g8_bursts_over_the_bound_of_a_client_evict_nothing_of_it_before_the_third() -> None:
    told = Told()
    client = ClientBacklog(10_000)
    subscribers = [told.subscribe(f"k{i}", client=client) for i in range(20)]
    keys = [f"k{i}" for i in range(20)]
    told.tell(*keys, value_bytes=1_000)
    assert client.bytes_waiting > 20_000
    told.tell(*keys[:5], value_bytes=1_000)
    assert not any(subscriber.evicted for subscriber in subscribers)
    told.tell(*keys, value_bytes=1_000)
    assert not any(subscriber.evicted for subscriber in subscribers)
    told.tell(*keys, value_bytes=1_000)
    assert any(subscriber.evicted for subscriber in subscribers), "the first burst counts when two more such have come"


def test_what_a_client_has_taken_waits_until_it_was_sent() -> None:
    told = Told()
    client = ClientBacklog(100_000)
    subscriber = told.subscribe("a", client=client)
    subscriber.keep_until_sent()
    told.tell("a", "a", "a")
    waiting = client.bytes_waiting
    assert revisions(subscriber) == [1, 2, 3]
    assert client.bytes_waiting == told.bytes_held == waiting
    subscriber.note_sent(2)
    assert client.bytes_waiting == told.bytes_held == waiting // 3
    subscriber.note_sent(3)
    assert client.bytes_waiting == told.bytes_held == 0


@pytest.mark.parametrize("end", ["close", "evict"])
def test_what_waited_for_a_subscriber_that_ended_waits_for_its_client_no_more(end: str) -> None:
    told = Told()
    client = ClientBacklog(100_000)
    first, second = told.subscribe("a", client=client), told.subscribe("b", client=client)
    told.tell("a", "b")
    getattr(first, end)()
    told.tell("a", "b")
    assert len(revisions(second)) == 2
    assert client.bytes_waiting == 0
    assert client.subscribers == {second} if end == "close" else {first, second}


# Bursts


def test_g8_a_burst_is_judged_when_all_its_pieces_were_told_and_not_before() -> None:
    told = Told()
    told.committer.piece = 100
    idle = told.subscribe("a")
    told.tell(*["a"] * 600)  # the first piece of it
    for pieces in range(2, 7):
        assert not idle.evicted
        assert told.dispatcher.dispatch() == (pieces < 6)
    told.tell(*["a"] * 600)
    for _ in range(4):
        told.dispatcher.dispatch()
        assert not idle.evicted
    assert not told.dispatcher.dispatch()
    assert idle.evicted


def test_g8_one_burst_evicts_nobody_however_large_it_is() -> None:
    told = Told()
    told.committer.piece = 100
    idle, reads = told.subscribe("a"), told.subscribe("a")
    told.tell(*["a"] * 5_000)
    while told.dispatcher.dispatch():
        assert not idle.evicted
    assert not idle.evicted
    assert len(revisions(reads)) == 5_000
    told.tell(*["a"] * 1_000)
    while told.dispatcher.dispatch():
        pass
    assert not idle.evicted
    assert revisions(reads) == list(range(5_001, 6_001))
    told.tell("a")
    assert revisions(reads) == [6_001]
    with pytest.raises(SubscriberEvictedError):
        idle.take()


def test_the_end_tells_all_pieces() -> None:
    told = Told()
    told.committer.piece = 10
    reads = told.subscribe("a")
    told.tell(*["a"] * 55)
    assert told.dispatcher.end()
    taken = []
    with pytest.raises(ClosedError):
        while True:
            taken.append(cast(RawEvent, reads.take())[5])
    assert taken == list(range(1, 56))


# Subscriptions


def test_g11_the_keys_that_are_subscribed_to_are_bounded_in_all() -> None:
    told = Told(subscriptions_max=100)
    subscribers = [told.subscribe("a", "b") for _ in range(49)]
    with pytest.raises(LimitError, match=r"98 keys .* 100 \(database_subscriptions_max\)"):
        told.subscribe("a", "b", "c")
    subscribers.append(told.subscribe("c", "d"))
    with pytest.raises(LimitError):
        told.subscribe("a")
    subscribers.pop().close()
    told.subscribe("a").close()
