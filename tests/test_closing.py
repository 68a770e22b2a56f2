"""The end: closed, forgotten, dropped, forked."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import fluxdb
from fluxdb import ClosedError, Document, ForkedError


def python(program: str, *, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=timeout, check=False
    )


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
        # A message of the threads about the closed database at this point may end in an abort of CPython itself.
        "def work():\n  try:\n    while True: db.set('l', 1)\n  except fluxdb.ClosedError: pass\n"
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
    except ForkedError as error:
        return "opened before the fork and belongs to the parent process" in str(error)
    return False


def test_g10_a_forked_child_is_told_of_the_fork_and_the_parent_goes_on(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db, db.subscribe("k") as events, db.subscribe("l") as waited_for:
        twin = fluxdb.aio.wrap(db)

        async def subscribed() -> fluxdb.aio.Subscription:
            return await twin.subscribe("l")

        async def used_by_tasks() -> None:
            await twin.get("k")

        async def iterated_by_tasks() -> None:
            async for _ in task_events:
                pass

        task_events = asyncio.run(subscribed())
        db.set("k", 1)
        assert events.get(timeout=30) is not None
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
                lambda: db.__enter__(),
                lambda: events.get(timeout=0),
                lambda: next(events),
                lambda: list(waited_for),
                lambda: asyncio.run(used_by_tasks()),
                lambda: asyncio.run(iterated_by_tasks()),
            ]
            refusals = sum(map(is_refused, calls))
            db.close()
            os._exit(refusals)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 13
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


def test_a_child_opens_a_folder_of_its_own_and_closes_it_as_any_other(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path / "parent"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
            child = os.fork()
        if child == 0:
            code = 1
            try:
                with fluxdb.open(tmp_path / "child") as db, db.subscribe("k") as events:
                    db.set("k", 1)
                    db.close()
                    code = 0 if [event.new for event in events] == [1] else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("error::ResourceWarning")
@pytest.mark.parametrize("package", ["fluxdb", "fluxdb.aio"])
def test_where_warnings_are_errors_a_forgotten_database_is_closed_all_the_same(tmp_path: Path, package: str) -> None:
    opening = "fluxdb.open(path)" if package == "fluxdb" else "asyncio.run(opened())"
    child = python(
        "import asyncio, fluxdb, gc, warnings\n"
        "warnings.simplefilter('error', ResourceWarning)\n"
        f"path = {str(tmp_path)!r}\n"
        "async def opened(): return await fluxdb.aio.open(path)\n"
        f"db = {opening}\ndel db\ngc.collect()\n"
        "fluxdb.open(path).close(); print('opened again')"
    )
    assert child.stdout == "opened again\n", child.stderr
    assert "ResourceWarning: unclosed database" in child.stderr


def test_at_the_exit_each_forgotten_database_is_closed_and_named_though_warnings_are_errors(tmp_path: Path) -> None:
    child = python(
        "import fluxdb, warnings\nwarnings.simplefilter('error', ResourceWarning)\n"
        f"dbs = [fluxdb.open({str(tmp_path)!r} + '/' + name) for name in 'abc']\n"
        "for db in dbs: db.set('k', 1)"
    )
    for name in "abc":
        assert f"unclosed database '{tmp_path / name}'" in child.stderr
        assert (tmp_path / name / "LOCK").read_text().strip() == "", "it was closed, not just dropped"
    assert "Fatal" not in child.stderr


def test_a_closed_database_can_not_be_entered(tmp_path: Path) -> None:
    db = fluxdb.open(tmp_path)
    db.close()
    with pytest.raises(ClosedError), db:
        pass

    async def entered() -> None:
        twin = await fluxdb.aio.open(tmp_path)
        await twin.close()
        with pytest.raises(ClosedError):
            async with twin:
                pass

    asyncio.run(entered())
