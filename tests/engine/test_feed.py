"""Feeds: one list, many who walk it."""

from __future__ import annotations

import threading

import pytest

from fluxdb.engine.feed import Feed
from fluxdb.engine.handle import RawEvent
from fluxdb.engine.local.subscribers import FeedSubscriber, ThreadSubscriber
from fluxdb.errors import ClosedError, SubscriberEvictedError


def event(revision: int) -> RawEvent:
    return (1, "k", None, b"%d" % revision, revision, revision, revision)


def append(feed: Feed, *revisions: int, event_bytes: int = 10) -> list[FeedSubscriber]:
    slow = []
    for revision in revisions:
        feed.append(event(revision), event_bytes)
        if feed.sweep_due:
            slow += feed.sweep()
    return slow


def subscribe(feed: Feed) -> tuple[ThreadSubscriber, list[FeedSubscriber]]:
    ended: list[FeedSubscriber] = []
    subscriber = ThreadSubscriber(feed, ("k",), ended.append)
    feed.subscribers.add(subscriber)
    return subscriber, ended


def revisions(subscriber: FeedSubscriber) -> list[int]:
    taken = []
    while (raw := subscriber.take()) is not None:
        taken.append(raw[5])
    return taken


def test_each_walks_at_its_own_pace() -> None:
    feed = Feed(100, 10_000)
    early, _ = subscribe(feed)
    append(feed, 1, 2)
    late, _ = subscribe(feed)
    assert revisions(early) == [1, 2]
    append(feed, 3)
    assert revisions(late) == [3]
    assert revisions(early) == [3]
    assert early.take() is None
    assert early.last_revision == 3


def test_events_older_than_the_subscription_are_passed_over() -> None:
    feed = Feed(100, 10_000)
    subscriber, _ = subscribe(feed)
    subscriber.after_revision = 2
    append(feed, 1, 2, 3)
    assert revisions(subscriber) == [3]


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_g8_exactly_as_many_as_the_limit_may_wait(limit: int) -> None:
    feed = Feed(limit, 10_000)
    good, _ = subscribe(feed)
    bad, ended = subscribe(feed)
    append(feed, *range(1, limit + 1))
    assert revisions(good) == list(range(1, limit + 1))
    append(feed, limit + 1)
    if limit > 1:
        with pytest.raises(SubscriberEvictedError):
            bad.take()
        assert ended == [bad]
    assert revisions(good) == [limit + 1]


def test_g8_bytes_are_counted_from_the_place_of_the_subscriber() -> None:
    feed = Feed(100, 30)
    subscriber, _ = subscribe(feed)
    append(feed, 1, 2, 3, event_bytes=10)
    assert subscriber.take() is not None
    append(feed, 4, event_bytes=10)
    assert revisions(subscriber) == [2, 3, 4]
    append(feed, 5, 6, 7, 8, event_bytes=10)
    with pytest.raises(SubscriberEvictedError) as caught:
        subscriber.take()
    assert caught.value.last_revision == 4


def test_g8_a_sweep_finds_those_who_never_ask() -> None:
    feed = Feed(100, 1_000_000)
    subscriber, _ = subscribe(feed)
    assert append(feed, *range(1, 101)) == []
    slow = append(feed, *range(101, 126))
    assert slow[0] is subscriber


def test_g8_what_the_slow_have_not_taken_is_freed() -> None:
    feed = Feed(10, 1_000_000)
    subscriber, _ = subscribe(feed)
    append(feed, *range(1, 10))
    assert feed.backlog.bytes_held > 0
    for slow in append(feed, *range(10, 14)):
        slow.evict()
    assert feed.backlog.bytes_held == 0
    with pytest.raises(SubscriberEvictedError):
        subscriber.take()


def burst(feed: Feed, *revisions: int) -> None:
    """As one dispatch tells them."""
    feed.begin_burst()
    append(feed, *revisions)
    feed.end_burst()


def test_g8_a_burst_that_nobody_could_take_from_evicts_nobody_who_had_kept_up() -> None:
    feed = Feed(10, 10_000)
    subscriber, ended = subscribe(feed)
    append(feed, *range(1, 11))
    burst(feed, *range(11, 111))
    assert feed.sweep() == []
    assert revisions(subscriber) == list(range(1, 111))
    assert ended == []


def test_g8_what_comes_behind_a_burst_counts() -> None:
    feed = Feed(10, 10_000)
    good, _ = subscribe(feed)
    bad, _ = subscribe(feed)
    burst(feed, *range(1, 101))
    append(feed, *range(101, 111))
    assert feed.sweep() == []
    assert len(revisions(good)) == 110
    append(feed, 111)
    with pytest.raises(SubscriberEvictedError):
        bad.take()
    assert revisions(good) == [111]


def test_g8_a_third_burst_evicts_who_is_still_within_the_first() -> None:
    feed = Feed(10, 10_000)
    good, _ = subscribe(feed)
    bad, _ = subscribe(feed)
    burst(feed, *range(1, 101))
    burst(feed, *range(101, 201))
    assert feed.sweep() == []
    assert [good.take() is not None for _ in range(90)] == [True] * 90
    assert [bad.take() is not None for _ in range(89)] == [True] * 89
    burst(feed, *range(201, 301))
    assert feed.sweep() == [bad]
    assert revisions(good) == list(range(91, 301))


def test_g8_a_burst_within_the_bound_counts_as_ever() -> None:
    feed = Feed(10, 10_000)
    subscriber, _ = subscribe(feed)
    append(feed, 1)
    burst(feed, *range(2, 12))
    assert feed.sweep() == [subscriber]


def waits(subscriber: ThreadSubscriber) -> None:
    """As one does that finds nothing, and is not running again yet."""
    assert subscriber._wait_at(threading.Lock())


def test_g8_who_waits_is_not_slow_by_the_number_of_events_before_it_has_had_its_turn() -> None:
    feed = Feed(10, 10_000)
    subscriber, ended = subscribe(feed)
    waits(subscriber)
    for first in range(1, 61, 6):  # each within the bound
        burst(feed, *range(first, first + 6))
    assert feed.sweep() == []
    assert subscriber.take() is not None  # its turn
    burst(feed, *range(61, 71))
    assert feed.sweep() == []
    assert len(revisions(subscriber)) == 69
    assert ended == []


def test_g8_from_its_turn_on_the_number_of_events_counts() -> None:
    feed = Feed(10, 10_000)
    subscriber, _ = subscribe(feed)
    waits(subscriber)
    append(feed, *range(1, 51))
    assert subscriber.take() is not None
    append(feed, *range(51, 61))
    assert feed.sweep() == []
    append(feed, 61)
    assert feed.sweep() == [subscriber]


def test_g8_the_bytes_of_who_waits_are_bounded() -> None:
    feed = Feed(10, 1_000)
    subscriber, _ = subscribe(feed)
    waits(subscriber)
    append(feed, *range(1, 101), event_bytes=10)
    assert feed.sweep() == []
    append(feed, 101, event_bytes=10)
    assert feed.sweep() == [subscriber]


def test_g8_who_waited_in_vain_waits_no_more() -> None:
    feed = Feed(10, 10_000)
    subscriber, _ = subscribe(feed)
    subscriber.wait(0.001)
    append(feed, *range(1, 12))
    assert feed.sweep() == [subscriber]


def test_what_all_have_taken_is_freed() -> None:
    feed = Feed(10, 1_000_000)
    first, second = subscribe(feed)[0], subscribe(feed)[0]
    append(feed, 1, 2)
    held = feed.backlog.bytes_held
    assert revisions(first) == [1, 2]
    assert feed.backlog.bytes_held == held > 0
    assert revisions(second) == [1, 2]
    assert feed.backlog.bytes_held == 0, "the last one, too"


def test_a_long_list_is_freed_without_deep_recursion() -> None:
    feed = Feed(1 << 30, 1 << 40)
    subscriber, _ = subscribe(feed)
    for revision in range(1, 200_001):
        feed.append(event(revision), 10)
    subscriber.evict()


def test_the_revision_of_the_next_event_is_known_before_it_is_taken() -> None:
    feed = Feed(100, 10_000)
    subscriber, _ = subscribe(feed)
    subscriber.after_revision = 2
    assert subscriber.next_revision() is None
    append(feed, 1, 2)
    assert subscriber.next_revision() is None, "older than the subscription"
    append(feed, 3, 4)
    assert subscriber.next_revision() == 3
    assert revisions(subscriber) == [3, 4]
    append(feed, 5)
    feed.end()
    assert subscriber.next_revision() == 5
    subscriber.take()
    assert subscriber.next_revision() == 0
    subscriber.close()
    assert subscriber.next_revision() == 0


def test_the_end_comes_after_the_last_event() -> None:
    feed = Feed(10, 1000)
    subscriber, _ = subscribe(feed)
    append(feed, 1)
    feed.end()
    assert subscriber.take() is not None
    with pytest.raises(ClosedError, match="database"):
        subscriber.take()


def test_closing_drops_what_was_not_taken() -> None:
    feed = Feed(10, 1000)
    subscriber, ended = subscribe(feed)
    append(feed, 1)
    subscriber.close()
    subscriber.close()
    with pytest.raises(ClosedError, match="subscription"):
        subscriber.take()
    assert ended == [subscriber]


def test_waiting_returns_at_once_where_there_is_news() -> None:
    feed = Feed(10, 1000)
    subscriber, _ = subscribe(feed)
    append(feed, 1)
    subscriber.wait(None)
    assert revisions(subscriber) == [1]


def test_a_wait_that_is_over_leaves_nothing_behind() -> None:
    feed = Feed(10, 1000)
    subscriber, _ = subscribe(feed)
    for _ in range(3):
        subscriber.wait(0.001)
    assert feed.gates == set()


def test_every_waiting_thread_is_woken_by_one_event() -> None:
    feed = Feed(10, 1000)
    subscribers = [subscribe(feed)[0] for _ in range(20)]
    got: list[int] = []

    def take(subscriber: ThreadSubscriber) -> None:
        while (raw := subscriber.take()) is None:
            subscriber.wait(None)
        got.append(raw[5])

    threads = [threading.Thread(target=take, args=(subscriber,)) for subscriber in subscribers]
    for thread in threads:
        thread.start()
    append(feed, 7)
    for thread in threads:
        thread.join(30)
    assert got == [7] * 20


def test_no_wake_up_is_lost_between_looking_and_waiting() -> None:
    feed = Feed(1 << 30, 1 << 40)
    subscriber, _ = subscribe(feed)
    count = 20_000
    taken: list[int] = []

    def take() -> None:
        while len(taken) < count:
            raw = subscriber.take()
            if raw is None:
                subscriber.wait(None)
            else:
                taken.append(raw[5])

    thread = threading.Thread(target=take)
    thread.start()
    for revision in range(1, count + 1):
        feed.append(event(revision), 1)
    thread.join(60)
    assert taken == list(range(1, count + 1))
