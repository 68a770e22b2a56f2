"""Subscriptions that are taken by threads."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import fluxdb
import fluxdb.aio
from fluxdb import Event, Limits, SubscriberEvictedError


def python(program: str, *, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=timeout, check=False
    )


def test_iteration_ends_when_the_database_is_closed(tmp_path: Path) -> None:
    db = fluxdb.open(tmp_path)
    events = db.subscribe("k")
    seen: list[Event] = []
    watching = threading.Thread(target=lambda: seen.extend(events), daemon=True)
    watching.start()
    for number in range(10):
        db.set("k", number)
    db.close()
    watching.join(30)
    assert [event.new for event in seen] == list(range(10))
    assert list(events) == []


def test_iteration_ends_when_the_subscription_is_closed(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db:
        events = db.subscribe("k")
        watching = threading.Thread(target=lambda: list(events), daemon=True)
        watching.start()
        events.close()
        watching.join(30)
        assert not watching.is_alive()


def test_a_dropped_subscription_is_removed(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db:
        events = db.subscribe("k")
        assert db.info()["subscribers"] == 1
        del events
        gc.collect()
        assert db.info()["subscribers"] == 0


def test_g8_ten_thousand_subscribers_are_told(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db:
        subscribers = [db.subscribe("k") for _ in range(10_000)]
        for number in range(3):
            db.set("k", number)
        for events in subscribers:
            assert [event.new for _ in range(3) if (event := events.get(timeout=30))] == [0, 1, 2]
        for events in subscribers:
            events.close()
        assert db.info()["subscribers"] == 0


def test_g8_those_who_never_read_are_evicted_and_hold_no_memory(tmp_path: Path) -> None:
    limits = Limits(subscriber_events_max=100, subscriber_bytes_max=100_000)
    with fluxdb.open(tmp_path, limits=limits) as db:
        idle = [db.subscribe("k") for _ in range(100)]
        busy = db.subscribe("k")
        for number in range(200):
            db.set("k", "x" * 1000)
            event = busy.get(timeout=30)
            assert event is not None
            assert event.version == number + 1
        info = db.info()
        assert (info["subscribers"], info["subscriber_evictions"]) == (1, 100)
        for events in idle:
            with pytest.raises(SubscriberEvictedError) as caught:
                events.get(timeout=0)
            assert caught.value.last_revision == 0, "the revision at which it subscribed"
        busy.close()


def test_g8_events_that_nobody_dispatches_are_bounded_and_all_are_told(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path, limits=Limits(event_bytes_max=10_000)) as db:
        events = db.subscribe("k")
        notify = db.handle.notify  # type: ignore[attr-defined]
        with notify.dispatcher.lock:  # as if the dispatching thread got no turn
            for _ in range(50):
                db.set("k", "x" * 1000)
        with pytest.raises(SubscriberEvictedError):
            for number in range(50):
                assert events.get(timeout=10) is not None, f"event {number + 1} was dropped, and nobody was evicted"
        again = db.subscribe("k")
        db.set("k", "new")
        event = again.get(timeout=30)
        assert event is not None
        assert event.new == "new"
        again.close()


def test_g8_commit_groups_larger_than_the_bound_evict_no_thread_that_keeps_up(tmp_path: Path) -> None:
    count, rounds = 5_000, 6
    with fluxdb.open(tmp_path) as db, db.subscribe("k") as events:
        seen: list[int] = []

        def take() -> None:
            while len(seen) < count * rounds and (event := events.get(timeout=30)) is not None:
                seen.append(event.version)

        taking = threading.Thread(target=take)
        taking.start()

        async def write() -> None:
            handle = fluxdb.aio.wrap(db).handle
            for number in range(rounds):
                writes = [handle.set("k", b"%d" % i) for i in range(count)]  # one group, or two
                await asyncio.gather(*(asyncio.ensure_future(write) for write in writes))
                while taking.is_alive() and len(seen) < count * (number + 1):
                    await asyncio.sleep(0.001)

        asyncio.run(asyncio.wait_for(write(), 60))
        taking.join(60)
        assert seen == list(range(1, count * rounds + 1))


def test_a_waiting_get_can_be_interrupted(tmp_path: Path) -> None:
    program = f"""
import fluxdb, sys
with fluxdb.open({str(tmp_path)!r}) as db, db.subscribe("k") as events:
    print("waiting", flush=True)
    try:
        events.get()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "waiting\n"
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=30)[0] == "interrupted\n"
    assert child.returncode == 0
