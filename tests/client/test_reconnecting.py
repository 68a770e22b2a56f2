"""A subscription over a connection that breaks: it says so once, in its order, and goes on by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import fluxdb
from fluxdb import ClosedError, ConnectionLostError, Limits
from fluxdb.engine.remote.subscribers import RemoteSubscriber
from fluxdb.engine.remote.watchers import Watchers
from fluxdb.model import Kind
from tests.client.test_faults import until
from tests.support.small_server import SmallServer, small_server


def test_a_lost_connection_is_told_behind_the_events_before_it_and_those_after_it_come(server: SmallServer) -> None:
    with fluxdb.open(server.url) as db, fluxdb.open(server.url) as writer, db.subscribe("a", "b") as events:
        writer.set("a", 1)
        writer.set("b", 2)
        until(lambda: len(events._subscriber._queue) == 2)  # type: ignore[attr-defined]
        server.cut()
        assert [event.new for event in (events.get(30), events.get(30)) if event] == [1, 2]
        with pytest.raises(ConnectionLostError, match="may have been missed"):
            events.get(30)
        db.ping()  # whatever is asked next goes behind the subscriptions
        writer.get("a")
        writer.set("a", 3)
        event = events.get(30)
        assert event is not None
        assert (event.key, event.new) == ("a", 3)


def test_a_for_loop_can_not_overlook_it_and_can_be_begun_again(server: SmallServer) -> None:
    with fluxdb.open(server.url) as db, db.subscribe("k") as events:
        server.cut()
        with pytest.raises(ConnectionLostError):
            next(iter(events))
        db.set("k", 1)
        assert next(iter(events)).new == 1


def test_it_reconnects_without_being_asked_once_the_server_is_back(server: SmallServer) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(server.url) as db, db.subscribe("k") as events:
            await asyncio.to_thread(server.stop)
            with pytest.raises(ConnectionLostError):
                await events.get(30)
            with pytest.raises(ConnectionLostError):
                await db.get("k")
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(until, lambda: server.engine.notify.subscribers == 1)
            await asyncio.to_thread(server.engine.set, "k", b"1")
            event = await events.get(30)
            assert event is not None
            assert event.new == 1

    asyncio.run(main())


def test_without_subscriptions_nobody_reconnects_until_the_next_call(server: SmallServer) -> None:
    with fluxdb.open(server.url) as db:
        server.cut()
        assert server.accepted == 1
        db.ping()
        assert server.accepted == 2


def test_subscribers_of_one_key_share_it_and_the_last_one_ends_it(server: SmallServer) -> None:
    with fluxdb.open(server.url) as db:
        first, second = db.subscribe("k"), db.subscribe("k")
        assert db.info()["subscribers"] == 1
        first.close()
        db.set("k", 1)
        event = second.get(30)
        assert event is not None
        assert event.new == 1
        second.close()
        assert db.info()["subscribers"] == 0


def test_the_password_was_changed_meanwhile(server: SmallServer) -> None:
    with fluxdb.open(server.url) as db, db.subscribe("k") as events:
        server.password = "new"
        server.cut()
        with pytest.raises(ConnectionLostError):
            events.get(30)
        with pytest.raises(fluxdb.AuthError):
            events.get(30)


def test_closing_the_client_ends_one_that_waits_for_the_server_to_come_back(server: SmallServer) -> None:
    db = fluxdb.open(server.url)
    events = db.subscribe("k")
    server.stop()
    with pytest.raises(ConnectionLostError):
        events.get(30)
    db.close()
    with pytest.raises(ClosedError):
        events.get(30)


def test_a_server_that_comes_back_with_a_lower_revision_is_heard(server: SmallServer, tmp_path: Path) -> None:
    with small_server(tmp_path / "fresh") as fresh, fluxdb.open(server.url) as db:
        for number in range(50):
            db.set("k", number)
        with db.subscribe("k") as events:
            set_in_place(server, fresh)
            with pytest.raises(ConnectionLostError, match="may have been missed"):
                events.get(30)
            until(lambda: fresh.engine.notify.subscribers == 1)
            fresh.engine.set("k", b'"of another client"')
            assert taken(events) == "of another client"
            with db.subscribe("k") as later:
                db.set("k", "own")
                assert [taken(events), taken(later)] == ["own", "own"]


def test_each_key_is_told_from_its_own_subscription_on() -> None:
    watchers = Watchers()
    subscriber = RemoteSubscriber(["a", "b"], Limits(), lambda subscriber: None)
    watchers.add(subscriber)
    watchers.answered("a", [subscriber], b'{"kind":"subscribed","key":"a","revision":1}')
    watchers.answered("b", [subscriber], b'{"kind":"subscribed","key":"b","revision":3}')
    for key, revision in (("a", 2), ("b", 3), ("b", 4)):
        subscriber.push((int(Kind.SET), key, None, b"1", revision, revision, revision))
    subscriber.judge()
    subscriber.tell()
    told = [subscriber.take(), subscriber.take(), subscriber.take()]
    assert [event and event[5] for event in told] == [2, 4, None]


def set_in_place(before: SmallServer, after: SmallServer) -> None:
    """Have the one gone, and the other at its address."""
    before.stop()
    after.stop()
    after.port = before.port
    after.start()


def taken(events: fluxdb.Subscription) -> object:
    event = events.get(30)
    assert event is not None
    return event.new
