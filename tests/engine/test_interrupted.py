"""A signal handler that raises: no lock stays taken, and no event of another is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest

import fluxdb
from fluxdb.engine.feed import Feed, FeedSubscriber
from fluxdb.engine.local.engine import Engine
from fluxdb.engine.local.notifier import NotifyActor
from fluxdb.engine.local.subscribers import ThreadSubscriber
from fluxdb.engine.local.task_subscriber import LoopBell, TaskSubscriber
from tests.support.interrupting import HandlerError, interrupted, steps


@pytest.fixture
def db(tmp_path: Path) -> Iterator[fluxdb.FluxDB]:
    with fluxdb.open(tmp_path / "db") as db:
        yield db


@pytest.fixture
def notify(db: fluxdb.FluxDB) -> NotifyActor:
    return cast(Engine, db.handle).notify


def versions(subscriber: FeedSubscriber) -> list[int]:
    taken = []
    while (raw := subscriber.take()) is not None:
        taken.append(raw[4])
    return taken


def has_lock(notify: NotifyActor) -> bool:
    """Has nobody else the lock?"""
    if not notify.dispatcher.lock.acquire(blocking=False):
        return False
    notify.dispatcher.lock.release()
    return True


def test_events_taken_from_the_committer_are_told_whenever_a_handler_raises(
    db: fluxdb.FluxDB, notify: NotifyActor
) -> None:
    loops = [asyncio.new_event_loop() for _ in range(2)]
    tasks = [notify.subscribe(partial(TaskSubscriber, bell=LoopBell(loop)), ["k"]) for loop in loops]
    taker = notify.subscribe(ThreadSubscriber, ["k"])
    step = 0
    while True:
        promises = [task.wait() for task in tasks]
        db.set("k", step)
        was_interrupted = interrupted(notify.dispatch, step)
        assert has_lock(notify)
        assert versions(taker) == [step + 1]
        for loop, task, promise in zip(loops, tasks, promises, strict=True):
            loop.run_until_complete(asyncio.sleep(0))
            assert promise.done(), "the bell was rung"
            assert versions(task) == [step + 1]
        if not was_interrupted:
            break
        step += 1
    assert step > 2, "a bell is Python code"
    for loop in loops:
        loop.close()


def test_the_lock_is_free_whenever_a_handler_raises(db: fluxdb.FluxDB, notify: NotifyActor) -> None:
    def come_and_go() -> None:
        subscribers = [notify.subscribe(ThreadSubscriber, ["k"]) for _ in range(2)]
        for subscriber in subscribers:
            subscriber.close()

    for use in (come_and_go, db.info):
        for step in steps(use):
            assert has_lock(notify), step


def test_a_thread_can_take_whenever_a_handler_raised_in_another_that_took(db: fluxdb.FluxDB) -> None:
    with db.subscribe("k") as events:
        for _ in steps(lambda: events.get(timeout=0.001)):
            assert events.get(timeout=0.001) is None
            assert events._taking.acquire(timeout=0)
            events._taking.release()


def test_who_could_not_be_made_is_not_watched_for(db: fluxdb.FluxDB, notify: NotifyActor) -> None:
    def interrupt(*_: object) -> ThreadSubscriber:
        raise HandlerError

    for keys in (["a"], ["a", "b"]):
        with pytest.raises(HandlerError):
            notify.subscribe(interrupt, keys)
    assert db.info()["subscribers"] == 0
    assert cast(Engine, db.handle).committer.stats()["watched_keys"] == 0
    assert notify.dispatcher.feeds == {}
    subscriber = notify.subscribe(ThreadSubscriber, ["a"])
    db.set("a", 1)
    notify.dispatch()
    assert versions(subscriber) == [1]


def test_a_handler_that_counts_subscribers_while_one_is_made_does_not_wait_for_itself(notify: NotifyActor) -> None:
    counted: list[int] = []

    def make(feed: Feed, keys: tuple[str, ...], on_end: object) -> ThreadSubscriber:
        counted.append(notify.dispatcher.counts(3600)[0])
        return ThreadSubscriber(feed, keys, cast("type[None]", on_end))

    notify.subscribe(make, ["a"])
    assert counted == [0]
    assert notify.subscribers == 1
