"""The blocking API: threads, subscriptions, and the end."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb import ClosedError, Document, Limits, VersionConflictError


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
