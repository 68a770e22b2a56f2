"""The counts of subscribers, while another thread dispatches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

import fluxdb
from fluxdb.engine.local import notifier as notify_actor
from fluxdb.engine.local.engine import Engine
from fluxdb.engine.local.notifier import NotifyActor


@pytest.fixture
def notify(tmp_path: Path) -> Iterator[NotifyActor]:
    with fluxdb.open(tmp_path / "db") as db:
        yield cast(Engine, db.handle).notify


@contextmanager
def telling(notify: NotifyActor) -> Iterator[Callable[[], None]]:
    """As if another thread were telling; until the function is called, or the block ends."""
    done = threading.Event()
    begun = threading.Event()

    def tell() -> None:
        with notify.dispatcher.lock:
            begun.set()
            assert done.wait(30)
        notify.dispatch()

    thread = threading.Thread(target=tell)
    thread.start()
    assert begun.wait(30)
    try:
        yield done.set
    finally:
        done.set()
        thread.join()


def test_who_closed_while_others_were_told_is_not_counted(notify: NotifyActor) -> None:
    closed, other = notify.subscribe_thread(["a"]), notify.subscribe_thread(["a"])
    with ThreadPoolExecutor(1) as pool, telling(notify) as end:
        closed.close()
        count = pool.submit(lambda: notify.subscribers)
        end()
        assert count.result(30) == 1
    other.close()
    assert notify.subscribers == 0


def test_asking_how_many_there_are_ends_though_the_lock_is_never_given_up(
    notify: NotifyActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_actor, "COUNT_PATIENCE_SECONDS", 0.01)
    subscriber = notify.subscribe_thread(["a"])
    with telling(notify):
        subscriber.close()
        assert notify.subscribers == 1
    assert notify.subscribers == 0


def test_info_counts_who_is_there(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path / "db", limits=fluxdb.Limits(segment_bytes=65_536)) as db:
        for _ in range(200):  # the thread that tells is often in the middle of it
            with db.subscribe("a"):
                db.set("a", 1)
            assert db.info()["subscribers"] == 0
