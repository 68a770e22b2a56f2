"""The blocking API: threads, subscriptions, and the end."""

from __future__ import annotations

import gc
import inspect
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb import ClosedError, Document, Event, Limits, SubscriberEvictedError, VersionConflictError


def python(program: str, *, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=timeout, check=False
    )


# The two classes are twins


def public_methods(cls: type) -> dict[str, Any]:
    return {name: value for name, value in vars(cls).items() if not name.startswith("_") and callable(value)}


@pytest.mark.parametrize(("blocking", "awaited"), [(fluxdb.FluxDB, fluxdb.aio.FluxDB)])
def test_the_twins_have_the_same_names_signatures_and_words(blocking: type, awaited: type) -> None:
    here, there = public_methods(blocking), public_methods(awaited)
    assert list(here) == list(there)
    for name in here:
        assert str(inspect.signature(here[name])) == str(inspect.signature(there[name])), name
        assert here[name].__doc__ == there[name].__doc__, name
        assert inspect.iscoroutinefunction(there[name]) == (name != "subscribe"), name


def test_the_subscriptions_of_the_twins_have_the_same_names() -> None:
    here, there = public_methods(fluxdb.Subscription), public_methods(fluxdb.aio.Subscription)
    assert list(here) == list(there)
    assert str(inspect.signature(here["get"])) == str(inspect.signature(there["get"]))


# Many threads


def in_threads(count: int, work: Any) -> None:
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []


def test_g3_no_patch_of_many_threads_is_lost(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db:
        versions: list[int] = []

        def work(number: int) -> None:
            versions.extend([db.patch("k", {f"{number}.{round_number}": True}) for round_number in range(30)])

        in_threads(8, work)
        found = db.get("k")
        assert found is not None
        assert len(found.value) == 240
        assert sorted(versions) == list(range(1, 241))


def test_g3_a_counter_by_if_version_counts_every_success(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db:
        db.set("n", 0)

        def work(number: int) -> None:
            for _ in range(20):
                while True:
                    found = db.get("n")
                    assert found is not None
                    try:
                        db.set("n", found.value + 1, if_version=found.version)
                    except VersionConflictError:
                        continue
                    break

        in_threads(6, work)
        assert db.get("n") == Document(120, 121)


def test_g1_what_is_read_is_in_the_log_already(tmp_path: Path) -> None:
    """A copy of the folder, taken after a read, holds what was read."""
    from tests.support.copies import open_copy

    with fluxdb.open(tmp_path / "db") as db:
        stop = threading.Event()

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                db.set("k", number)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for round_number in range(20):
                seen = db.get("k")
                with open_copy(tmp_path / "db", tmp_path / f"copy{round_number}") as copy:
                    there = copy.get("k")
                    if seen is not None:
                        assert there is not None
                        assert there.version >= seen.version
        finally:
            stop.set()
            writer.join()


def test_g1_events_come_after_they_can_be_read(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db, db.subscribe("k") as events:

        def write(number: int) -> None:
            for _ in range(50):
                db.patch("k", {str(number): True})

        watching = threading.Thread(target=in_threads, args=(4, write))
        watching.start()
        for _ in range(200):
            event = events.get(timeout=30)
            assert event is not None
            found = db.get("k")
            assert found is not None
            assert found.version >= event.version
        watching.join()


def test_threads_and_loops_share_one_engine(tmp_path: Path) -> None:
    import asyncio

    with fluxdb.open(tmp_path, limits=Limits(subscriber_events_max=10_000)) as db, db.subscribe("k") as events:

        async def tasks() -> None:
            twin = fluxdb.aio.wrap(db)
            async with twin.subscribe("k") as seen:
                await asyncio.gather(*[patch(twin, number) for number in range(20)])
                told = [await seen.get(timeout=30) for _ in range(20)]
                assert None not in told
            await twin.close()
            with pytest.raises(ClosedError):
                await twin.set("k", 1)

        async def patch(twin: fluxdb.aio.FluxDB, number: int) -> None:
            await twin.patch("k", {f"task{number}": True})

        def work(number: int) -> None:
            if number < 3:
                asyncio.run(tasks())
            else:
                for round_number in range(20):
                    db.patch("k", {f"{number}.{round_number}": True})

        in_threads(6, work)
        told = [events.get(timeout=30) for _ in range(120)]
        assert [event.version for event in told if event is not None] == list(range(1, 121))
        assert events.get(timeout=0) is None
        assert db.info()["subscribers"] == 1


# Subscriptions


def test_iteration_ends_when_the_database_is_closed(tmp_path: Path) -> None:
    db = fluxdb.open(tmp_path)
    events = db.subscribe("k")
    seen: list[Event] = []
    watching = threading.Thread(target=lambda: seen.extend(events))
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
        watching = threading.Thread(target=lambda: list(events))
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
            assert caught.value.last_revision == 0
        busy.close()


def test_g8_events_that_nobody_dispatches_are_bounded_and_all_are_told(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path, limits=Limits(event_bytes_max=10_000)) as db:
        events = db.subscribe("k")
        notify = db.handle.notify  # type: ignore[attr-defined]
        with notify._lock:  # as if the dispatching thread got no turn
            for _ in range(50):
                db.set("k", "x" * 1000)
        with pytest.raises(SubscriberEvictedError):
            for _ in range(50):
                events.get(timeout=30)
        again = db.subscribe("k")
        db.set("k", "new")
        event = again.get(timeout=30)
        assert event is not None
        assert event.new == "new"
        again.close()


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


# The end


def test_a_forgotten_database_is_closed_with_a_warning(tmp_path: Path) -> None:
    db = fluxdb.open(tmp_path)
    db.set("k", 1)
    with pytest.warns(ResourceWarning, match="unclosed database"):
        del db
        gc.collect()
    with fluxdb.open(tmp_path) as again:
        assert again.get("k") == Document(1, 1)


def test_a_closed_database_is_dropped_without_a_word(tmp_path: Path) -> None:
    db = fluxdb.open(tmp_path)
    db.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del db
        gc.collect()


FORGETFUL = {
    "at module level": "db = fluxdb.open(path); db.set('k', 1)",
    "with a waiting thread": (
        "import threading; db = fluxdb.open(path); db.set('k', 1); events = db.subscribe('l');"
        "threading.Thread(target=events.get, daemon=True).start()"
    ),
    "with writing threads": (
        "import threading\ndb = fluxdb.open(path); db.set('k', 1)\n"
        "def work():\n  while True: db.set('l', 1)\n"
        "for _ in range(4): threading.Thread(target=work, daemon=True).start()"
    ),
    "in a cycle": "db = fluxdb.open(path); db.set('k', 1); cycle = [db]; cycle.append(cycle)",
    "in asyncio": (
        "import asyncio\nasync def main():\n  global db; db = await fluxdb.aio.open(path); await db.set('k', 1)\n"
        "asyncio.run(main())"
    ),
    "by exception": "db = fluxdb.open(path); db.set('k', 1); 1 / 0",
}


@pytest.mark.parametrize("program", FORGETFUL.values(), ids=FORGETFUL)
def test_g2_a_program_that_forgets_to_close_ends_and_keeps_what_was_acknowledged(tmp_path: Path, program: str) -> None:
    child = python(f"import fluxdb\npath = {str(tmp_path)!r}\n{program}")
    assert "ResourceWarning: unclosed database" in child.stderr
    assert child.returncode == ("1 / 0" in program), child.stderr
    assert "Fatal" not in child.stderr
    with fluxdb.open(tmp_path) as db:
        assert db.get("k") == Document(1, 1)


def test_closing_while_threads_write_loses_nothing_acknowledged(tmp_path: Path) -> None:
    db = fluxdb.open(tmp_path)
    acknowledged: dict[str, int] = {}
    begun = threading.Barrier(5)

    def work(number: int) -> None:
        begun.wait()
        with pytest.raises(ClosedError):
            while True:
                acknowledged[str(number)] = db.set(str(number), number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    time.sleep(0.1)
    db.close()
    for thread in threads:
        thread.join(30)
    with fluxdb.open(tmp_path) as again:
        for key, version in acknowledged.items():
            assert again.get(key) == Document(int(key), version)


def is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClosedError:
        return True
    return False


def test_g10_a_forked_child_refuses_and_the_parent_goes_on(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db, db.subscribe("k") as events:
        db.set("k", 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
            child = os.fork()
        if child == 0:
            calls: list[Callable[[], object]] = [
                lambda: db.get("k"),
                lambda: db.set("k", 2),
                lambda: db.delete("k"),
                lambda: db.checkpoint(),
                lambda: db.info(),
                lambda: db.subscribe("k"),
                lambda: db.ping(),
            ]
            refusals = sum(map(is_refused, calls))
            db.close()
            os._exit(refusals)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 7
        assert db.set("k", 2) == 2
        event = events.get(timeout=30)
        assert event is not None


def test_g10_a_forked_child_does_not_keep_the_folder(tmp_path: Path) -> None:
    db = fluxdb.open(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
        child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        db.close()
        fluxdb.open(tmp_path).close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
