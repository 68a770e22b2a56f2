"""Clients that nobody closed, and those of a process that forks."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

import fluxdb
from fluxdb import Document, ForkedError
from tests.client.test_cli import PATIENCE_SECONDS, environment
from tests.client.test_faults import until
from tests.support.small_server import SmallServer

FORGETFUL = {
    "at module level": "db = fluxdb.open(url); db.set('k', 1)",
    "with a waiting thread": (
        "import threading\ndb = fluxdb.open(url); db.set('k', 1); events = db.subscribe('l')\n"
        # A message of the thread about the closed subscription at this point may end in an abort of CPython itself.
        "def work():\n  try: events.get()\n  except fluxdb.ClosedError: pass\n"
        "threading.Thread(target=work, daemon=True).start()"
    ),
    "in asyncio": (
        "import asyncio\nasync def main():\n  global db; db = await fluxdb.aio.open(url); await db.set('k', 1)\n"
        "asyncio.run(main())"
    ),
}


@pytest.mark.parametrize("program", FORGETFUL.values(), ids=FORGETFUL)
def test_a_program_that_forgets_to_close_is_told_at_its_end(server: SmallServer, program: str) -> None:
    done = run(server, program)
    assert done.stderr.count("ResourceWarning: unclosed connection to 127.0.0.1") == 1, done.stderr
    assert done.returncode == 0
    assert server.engine.get("k") == Document(1, 1)


@pytest.mark.parametrize(
    "program",
    [
        "with fluxdb.open(url) as db: db.set('k', 1)\ndel db",
        "db = fluxdb.open(url); db.set('k', 1); db.close()",
        (
            "import asyncio\nasync def main():\n  async with fluxdb.aio.open(url) as db: await db.set('k', 1)\n"
            "asyncio.run(main())"
        ),
    ],
    ids=["with", "close", "asyncio"],
)
def test_a_program_that_closes_hears_nothing(server: SmallServer, program: str) -> None:
    done = run(server, program)
    assert (done.returncode, done.stderr) == (0, "")
    assert server.engine.get("k") == Document(1, 1)


def run(server: SmallServer, program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", f"import fluxdb\nurl = {server.url!r}\n{program}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        env=environment(),
        check=False,
    )


def is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except ForkedError as error:
        return "made before the fork and belongs to the parent process" in str(error)
    return False


def fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
        return os.fork()


def exit_code_of_child(work: Callable[[], int]) -> int:
    """Return the result of a forked child; end the child if it hangs."""
    child = fork()
    if child == 0:
        code = 255
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(20)
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_is_refused_every_call_and_the_parent_goes_on(server: SmallServer) -> None:
    with fluxdb.open(server.url) as db, db.subscribe("k") as events, db.subscribe("l") as waited_for:
        waiting = threading.Thread(target=waited_for.get)
        waiting.start()
        until(waited_for._taking.locked)
        calls: list[Callable[[], object]] = [
            lambda: db.get("k"),
            lambda: db.set("k", 2),
            lambda: db.patch("k", 2),
            lambda: db.delete("k"),
            lambda: db.checkpoint(),
            lambda: db.info(),
            lambda: db.subscribe("k"),
            lambda: db.ping(),
            lambda: events.get(),
            lambda: waited_for.get(),
            lambda: next(events),
            lambda: list(waited_for),
            lambda: db.__enter__(),
        ]

        def work() -> int:
            refusals = sum(map(is_refused, calls))
            events.close()
            db.close()
            return refusals

        assert exit_code_of_child(work) == len(calls)
        assert db.set("k", 1) == 1
        event = events.get(30)
        assert event is not None
        assert event.new == 1
        db.set("l", 1)
        waiting.join(30)
        assert not waiting.is_alive()


def test_the_server_hears_that_it_was_closed_though_a_forked_child_lives(server: SmallServer) -> None:
    db = fluxdb.open(server.url)
    reading, writing = os.pipe()
    child = fork()
    if child == 0:
        signal.alarm(20)
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    db.close()
    until(lambda: not server._clients)
    os.close(writing)
    os.close(reading)
    assert os.waitpid(child, 0)[1] == 0


def test_a_forked_child_is_refused_what_it_awaits_and_the_parent_goes_on(server: SmallServer) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(server.url) as db, db.subscribe("k") as events:

            def work() -> int:
                asked: list[Awaitable[object]] = [
                    *(db.get("k"), db.set("k", 2), db.info(), db.ping(), db.checkpoint(), db.__aenter__()),
                    *(events.get(), events.__anext__(), db.subscribe("k")),
                ]
                return sum(is_refused(partial(asyncio.run, awaited(answer))) for answer in asked)

            assert exit_code_of_child(work) == 9
            assert await db.set("k", 1) == 1
            event = await events.get(30)
            assert event is not None
            assert event.new == 1

    asyncio.run(main())


async def awaited(answer: Awaitable[object]) -> object:
    return await answer
