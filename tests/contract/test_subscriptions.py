"""SUBSCRIBE: every change from the acknowledgement on, in order, none missing until told otherwise."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from fluxdb import ClosedError, Event, InvalidKeyError, Limits, SubscriberEvictedError
from tests.contract.engines import Place, Store, Subscribed


def take(events: Subscribed, count: int) -> list[Event]:
    taken = []
    for _ in range(count):
        event = events.get(timeout=30)
        assert event is not None
        taken.append(event)
    return taken


def test_events_tell_what_changed(db: Store) -> None:
    db.set("k", {"a": 1})
    events = db.subscribe("k")
    db.set("k", {"b": 1})
    db.patch("k", {"c": 1})
    db.patch("k", {"b": None}, remove_nulls=True)
    db.delete("k")
    db.set("k", None)
    assert take(events, 5) == [
        Event("k", {"a": 1}, {"b": 1}, 2, "set", 2),
        Event("k", {"b": 1}, {"b": 1, "c": 1}, 3, "patch", 3),
        Event("k", {"b": 1, "c": 1}, {"c": 1}, 4, "patch", 4),
        Event("k", {"c": 1}, None, 5, "delete", 5),
        Event("k", None, None, 6, "set", 6),
    ]
    assert events.get(timeout=0) is None
    events.close()


def test_what_was_before_is_not_told(db: Store) -> None:
    first = db.subscribe("k")
    db.set("k", 1)
    second = db.subscribe("k")
    db.set("k", 2)
    assert [event.new for event in take(first, 2)] == [1, 2]
    assert [event.new for event in take(second, 1)] == [2]
    first.close()
    second.close()


def test_a_star_in_a_key_stands_for_itself(db: Store) -> None:
    with pytest.warns(UserWarning, match="names one key"):
        events = db.subscribe("user:*")
    db.set("user:1", 1)
    db.set("user:*", 2)
    assert [(event.key, event.new) for event in take(events, 1)] == [("user:*", 2)]
    assert events.get(timeout=0) is None
    events.close()


def test_other_keys_and_refused_writes_are_not_told(db: Store) -> None:
    events = db.subscribe("k")
    db.set("l", 1)
    db.delete("k")
    with pytest.raises(ValueError, match="nan"):
        db.set("k", float("nan"))
    db.set("k", 1)
    assert [(event.key, event.new) for event in take(events, 1)] == [("k", 1)]
    events.close()


def test_several_keys_are_told_in_the_order_of_commits(db: Store) -> None:
    events = db.subscribe("a", "b", "a")
    for number in range(5):
        db.set("a", number)
        db.set("b", number)
        db.set("c", number)
    told = take(events, 10)
    assert [(event.key, event.new) for event in told] == [(key, number) for number in range(5) for key in "ab"]
    assert [event.revision for event in told] == sorted(event.revision for event in told)
    events.close()


def test_events_of_many_keys_come_in_the_order_of_their_commits_whoever_writes(db: Store) -> None:
    keys = [f"key {number}" for number in range(12)]
    watching = [db.subscribe(*keys), db.subscribe(*keys[::2])]
    writes_each = 25

    def write(mine: list[str]) -> None:
        for number in range(writes_each):
            for key in mine:
                db.set(key, number)

    writers = [threading.Thread(target=write, args=(keys[first::4],)) for first in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    for events, watched in zip(watching, (keys, keys[::2]), strict=True):
        told = take(events, writes_each * len(watched))
        revisions = [event.revision for event in told]
        assert revisions == sorted(set(revisions))
        for key in watched:
            assert [event.new for event in told if event.key == key] == list(range(writes_each))
        events.close()


def test_a_key_is_told_to_those_who_watch_it_alone_and_to_those_who_watch_others_too(db: Store) -> None:
    alone, both, other = db.subscribe("a"), db.subscribe("a", "b"), db.subscribe("b", "a")
    db.set("a", 1)
    db.set("b", 2)
    assert [event.new for event in take(alone, 1)] == [1]
    assert [[event.new for event in take(events, 2)] for events in (both, other)] == [[1, 2]] * 2
    both.close()
    db.set("a", 3)
    assert [[event.new for event in take(events, 1)] for events in (alone, other)] == [[3]] * 2
    alone.close()
    other.close()


def test_each_subscriber_has_objects_of_its_own(db: Store) -> None:
    first, second = db.subscribe("k"), db.subscribe("k")
    db.set("k", {"a": []})
    (event,) = take(first, 1)
    event.new["a"].append(1)
    assert take(second, 1)[0].new == {"a": []}
    first.close()
    second.close()


def test_a_closed_subscription_ends(db: Store) -> None:
    events = db.subscribe("k")
    events.close()
    events.close()
    with pytest.raises(ClosedError):
        events.get(timeout=1)
    assert db.info()["subscribers"] == 0
    db.set("k", 1)


def test_closing_ends_one_that_waits(db: Store) -> None:
    events = db.subscribe("k")
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises(ClosedError):
            events.get(timeout=30)
        ended.set()

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    events.close()
    waiting.join(30)
    assert ended.is_set()


def test_one_subscriber_of_many_goes_and_the_others_stay(db: Store) -> None:
    subscribers = [db.subscribe("k") for _ in range(5)]
    subscribers[2].close()
    db.set("k", 1)
    for number, events in enumerate(subscribers):
        if number != 2:
            assert take(events, 1)[0].new == 1
            events.close()
    assert db.info()["subscribers"] == 0


@pytest.mark.local  # a closed connection brings no more events
def test_closing_the_database_ends_subscriptions_after_what_was_committed(place: Place) -> None:
    with place.open() as db:
        events = db.subscribe("k")
        db.set("k", 1)
        db.set("k", 2)
        db.close()
        assert [event.new for event in take(events, 2)] == [1, 2]
        with pytest.raises(ClosedError):
            events.get(timeout=30)


def test_g8_as_many_as_the_limit_wait_and_one_more_evicts(place: Place) -> None:
    with place.open(Limits(subscriber_events_max=4)) as db:
        keeps, falls = db.subscribe("k"), db.subscribe("k")
        db.set("k", "first")
        (first,) = take(falls, 1)
        take(keeps, 1)
        for number in range(4):
            db.set("k", number)
        take(keeps, 1)
        db.set("k", 4)
        assert [event.new for event in take(keeps, 4)] == [1, 2, 3, 4]  # so all have received the last one
        with pytest.raises(SubscriberEvictedError) as caught:
            falls.get(timeout=1)
        assert caught.value.last_revision == first.revision == falls.last_revision
        with pytest.raises(SubscriberEvictedError):
            falls.get(timeout=1)
        info = db.info()
        assert info["subscribers"] == 1
        if not place.is_remote:  # there the client, which reads for both, has evicted one; the server knows of none
            assert info["subscriber_evictions"] == 1
        keeps.close()


def test_g8_who_was_given_nothing_is_evicted_at_the_revision_of_its_subscription(place: Place) -> None:
    with place.open(Limits(subscriber_events_max=4)) as db:
        db.set("other", 1)
        db.set("k", "before")
        keeps, falls = db.subscribe("k"), db.subscribe("k")
        assert falls.last_revision == keeps.last_revision == 2
        for number in range(5):
            db.set("k", number)
            take(keeps, 1)
        with pytest.raises(SubscriberEvictedError) as caught:
            falls.get(timeout=1)
        assert caught.value.last_revision == falls.last_revision == 2
        keeps.close()


def test_g8_bytes_are_bounded_too_and_a_lone_event_is_always_told(place: Place) -> None:
    with place.open(Limits(subscriber_bytes_max=1000)) as db:
        falls, keeps = db.subscribe("k"), db.subscribe("k")
        for value in ("x" * 5000, "y"):
            db.set("k", value)
            assert take(keeps, 1)[0].new == value
        with pytest.raises(SubscriberEvictedError):
            falls.get(timeout=1)
        keeps.close()


def test_g6_replay_tells_nothing(place: Place) -> None:
    with place.open() as db:
        for number in range(10):
            db.set("k", number)
    with place.open() as db:
        events = db.subscribe("k")
        db.set("k", "new")
        assert [event.new for event in take(events, 1)] == ["new"]
        events.close()


def test_no_keys_are_no_subscription(db: Store) -> None:
    with pytest.raises(ValueError, match="at least one key"):
        db.subscribe()


@pytest.mark.parametrize("keys", [["a", "b"], ("a",), {"a"}], ids=["list", "tuple", "set"])
def test_keys_in_a_list_are_given_one_by_one(db: Store, keys: Any) -> None:
    with pytest.raises(
        InvalidKeyError, match=r"a key must be a str, not \w+: to watch the keys in it, subscribe\(\*keys\)"
    ):
        db.subscribe(keys)
    db.subscribe(*keys).close()


def test_one_bad_key_of_several_leaves_nothing_behind(db: Store) -> None:
    with pytest.raises(ValueError, match="key"):
        db.subscribe("good", "")
    db.set("good", 1)
    assert db.info()["subscribers"] == 0
