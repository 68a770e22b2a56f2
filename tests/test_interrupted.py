"""A signal handler that raises while a database is opened, closed, watched or checkpointed: nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import fluxdb
from fluxdb import ClosedError, Document
from fluxdb.engine import threads
from fluxdb.engine.local.engine import Engine
from fluxdb.limits import KIB
from fluxdb.storage.snapshot import writer as snapshot_writer
from tests.support.interrupting import BYTECODE, HandlerError, interrupted
from tests.support.leftovers import is_no_more, needs_proc, quick_collections, resources, until

# An object that is dropped half made is closed by its finalizer, with a warning.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("unraisable_is_dropped", "collections_are_quick"),
]
SMALL = fluxdb.Limits(segment_bytes=64 * KIB, group_bytes_max=16 * KIB)

EACH = [
    pytest.param(0, 83, id="some"),
    *(pytest.param(first, 4, id=f"all-{first}", marks=pytest.mark.slow) for first in range(4)),
]


@pytest.fixture
def collections_are_quick() -> Iterator[None]:
    """Each step collects garbage."""
    with quick_collections():
        yield


@pytest.fixture
def unraisable_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest would keep what a finalizer raises, and with it all that its frames hold."""
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)


def made(path: Path) -> Path:
    """A folder with a snapshot, and a log behind it."""
    with fluxdb.open(path, limits=SMALL) as db:
        db.set("k", 1)
        db.checkpoint()
        db.set("k", 2)
    return path


def check_free(path: Path, before: tuple[list[str], int]) -> None:
    """It can be opened at once, what was acknowledged is there, and nothing of the last owner is left."""
    with fluxdb.open(path, limits=SMALL) as again:
        assert again.get("k") == Document(2, 2)
    until(lambda: is_no_more(resources(), before))


@needs_proc
@pytest.mark.parametrize(("first", "every"), EACH)
def test_an_interrupted_open_leaves_no_lock_no_descriptor_and_no_thread(tmp_path: Path, first: int, every: int) -> None:
    before, step, going = resources(), first, True
    path = made(tmp_path / "db")
    while going:
        opened: list[fluxdb.FluxDB] = []
        going = interrupted(lambda: opened.append(fluxdb.open(path, limits=SMALL)), step, BYTECODE)  # noqa: B023
        for db in opened:
            db.close()
        check_free(path, before)
        step += every
    assert step > 500


@needs_proc
@pytest.mark.parametrize(("first", "every"), EACH)
def test_an_interrupted_open_of_a_new_folder_can_be_done_again(tmp_path: Path, first: int, every: int) -> None:
    before, step, going = resources(), first, True
    while going:
        path = tmp_path / str(step)
        opened: list[fluxdb.FluxDB] = []
        going = interrupted(lambda: opened.append(fluxdb.open(path, limits=SMALL)), step, BYTECODE)  # noqa: B023
        for db in opened:
            db.close()
        with fluxdb.open(path, limits=SMALL) as again:
            assert again.set("k", 1) == 1
        until(lambda: is_no_more(resources(), before))
        for file in path.iterdir():
            file.unlink()
        step += every
    assert step > 500


@needs_proc
@pytest.mark.parametrize(("first", "every"), [pytest.param(0, 7, id="some"), *EACH[1:]])
@pytest.mark.parametrize("place", ["in a thread", "where no thread can be made"])
def test_an_interrupted_close_is_finished_by_the_next_one(
    tmp_path: Path, place: str, first: int, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, step, going = resources(), first, True
    path = made(tmp_path / "db")
    while going:
        db = fluxdb.open(path, limits=SMALL)
        with monkeypatch.context() as patch:
            if place != "in a thread":
                patch.setattr(threads, "start", refuse)
            events = db.subscribe("k") if place == "in a thread" else None
            going = interrupted(db.close, step, BYTECODE)
            db.close()
        if events is not None:
            with pytest.raises(ClosedError):
                events.get(0)
        check_free(path, before)
        step += every
    assert step > 30


def refuse(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@needs_proc
@pytest.mark.parametrize(("first", "every"), EACH)
def test_an_interrupted_checkpoint_or_subscription_leaves_no_subscriber_and_no_lock(
    tmp_path: Path, first: int, every: int
) -> None:
    before, step, going = resources(), first, True
    path = made(tmp_path / "db")

    def use() -> None:
        kept.append(db.subscribe("k", "l"))
        kept.append(db.subscribe("k"))
        db.checkpoint()

    while going:
        db, kept = fluxdb.open(path, limits=SMALL), cast("list[fluxdb.sync.Subscription]", [])
        going = interrupted(use, step, BYTECODE)
        for events in kept:
            events.close()
        info = db.info()
        assert (info["subscribers"], info["commits"]["watched_keys"]) == (0, 0), step
        with db.subscribe("k") as events:
            db.set("k", 2, if_version=2)
            assert cast("Any", events.get(30)).version == 3
        db.checkpoint()
        db.close()
        with fluxdb.open(path, limits=SMALL) as again:
            assert again.delete("k") == 4
            again.set("k", 1)
        until(lambda: is_no_more(resources(), before))
        path = made(tmp_path / str(step))
        step += every
    assert step > 200


@needs_proc
@pytest.mark.parametrize(("first", "every"), EACH)
def test_an_interrupted_close_of_a_task_is_finished_by_the_next_one(tmp_path: Path, first: int, every: int) -> None:
    before, step, going = resources(), first, True
    path = made(tmp_path / "db")

    async def opened() -> fluxdb.aio.FluxDB:
        db = await fluxdb.aio.open(path, limits=SMALL)
        await db.get("k")
        return db

    while going:
        db = asyncio.run(opened())
        going = interrupted(lambda: asyncio.run(db.close()), step, BYTECODE)  # noqa: B023
        asyncio.run(db.close())
        check_free(path, before)
        step += every
    assert step > 20


@needs_proc
@pytest.mark.parametrize(("first", "every"), EACH)
def test_a_task_that_is_interrupted_anywhere_leaves_nothing(tmp_path: Path, first: int, every: int) -> None:
    before, step, going = resources(), first, True
    path = made(tmp_path / "db")

    async def use() -> None:
        async with fluxdb.aio.open(path, limits=SMALL) as db, db.subscribe("k"):
            await db.set("l", 1)
            await db.checkpoint()

    while going:
        going = interrupted(lambda: asyncio.run(use()), step, BYTECODE)
        until(lambda: is_free(path))
        check_free(path, before)
        step += every
    assert step > 200


def is_free(path: Path) -> bool:
    gc.collect()  # of tasks and their exceptions, which hold each other
    try:
        fluxdb.open(path, limits=SMALL).close()
    except fluxdb.LockedError:
        return False
    return True


class SlowSync:
    """A disk that answers when ``gate`` is open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.gate = threading.Event(), threading.Event()
        monkeypatch.setattr(snapshot_writer, "sync_file", self)
        self._sync = os.fdatasync

    def __call__(self, descriptor: int) -> None:
        self.begun.set()
        assert self.gate.wait(30)
        self._sync(descriptor)


def test_who_waits_for_a_checkpoint_gets_closederror_though_the_close_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowSync(monkeypatch)
    db = fluxdb.open(tmp_path)
    for number in range(40):  # more than a piece, after which a snapshot can end
        db.set(str(number), "x" * 10_000)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            db.checkpoint()
        except BaseException as error:
            errors.append(error)

    waiting = [threading.Thread(target=work) for _ in range(2)]
    waiting[0].start()
    assert disk.begun.wait(30)
    waiting[1].start()
    engine = cast(Engine, db.handle)
    until(lambda: engine.snapshots._asked is not None)
    with monkeypatch.context() as patch:
        patch.setattr(threads, "call_whole", interrupt_the_wait)
        with pytest.raises(HandlerError):
            db.close()
    disk.gate.set()
    db.close()
    for thread in waiting:
        thread.join(30)
    assert [type(error) for error in errors] == [ClosedError, ClosedError]
    assert not list(tmp_path.glob("*.tmp"))
    with fluxdb.open(tmp_path) as again:
        assert again.info()["keys"] == 40
        assert again.info()["snapshot"] is None, "closing did not wait for the checkpoint"


def interrupt_the_wait(work: Callable[[], None], name: str) -> None:
    threading.Thread(target=work, name=name).start()
    raise HandlerError
