"""A signal handler that raises while a client connects, watches or closes: nothing is left, on neither side."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import fluxdb
from tests.support.interrupting import BYTECODE, interrupted
from tests.support.leftovers import is_no_more, needs_proc, quick_collections, resources, until
from tests.support.small_server import SmallServer

EACH = [
    pytest.param(0, 41, id="some"),
    *(pytest.param(first, 4, id=f"all-{first}", marks=pytest.mark.slow) for first in range(4)),
]
pytestmark = [
    needs_proc,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # what is dropped half made is closed by its finalizer
    pytest.mark.usefixtures("unraisable_is_dropped", "collections_are_quick"),
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


def resources_of(server: SmallServer) -> tuple[list[str], int]:
    """With what the server makes for its first client and keeps."""
    with fluxdb.open(server.url) as db, db.subscribe("k"):
        db.set("k", 1)
    until(lambda: not server._clients)
    return resources()


@pytest.mark.parametrize(("first", "every"), EACH)
def test_an_interrupted_open_leaves_no_connection_and_no_thread(server: SmallServer, first: int, every: int) -> None:
    before, step, going = resources_of(server), first, True
    while going:
        opened: list[fluxdb.FluxDB] = []
        going = interrupted(lambda: opened.append(fluxdb.open(server.url)), step, BYTECODE)  # noqa: B023
        for db in opened:
            db.close()
        until(lambda: not server._clients)
        until(lambda: is_no_more(resources(), before))
        step += every
    assert step > 100


@pytest.mark.parametrize(("first", "every"), [pytest.param(0, 9, id="some"), *EACH[1:]])
def test_an_interrupted_close_is_finished_by_the_next_one(server: SmallServer, first: int, every: int) -> None:
    before, step, going = resources_of(server), first, True
    while going:
        db = fluxdb.open(server.url)
        events = db.subscribe("k")
        going = interrupted(db.close, step, BYTECODE)
        db.close()
        with pytest.raises(fluxdb.ClosedError):
            events.get(0)
        until(lambda: not server._clients)
        until(lambda: is_no_more(resources(), before))
        step += every
    assert step > 20


@pytest.mark.parametrize(("first", "every"), EACH)
def test_an_interrupted_subscription_is_told_no_more(server: SmallServer, first: int, every: int) -> None:
    with fluxdb.open(server.url) as db:
        step, going = first, True
        while going:
            kept: list[fluxdb.sync.Subscription] = []
            going = interrupted(lambda: kept.append(db.subscribe("k", "l")), step, BYTECODE)  # noqa: B023
            for events in kept:
                events.close()
            del kept
            db.ping()
            until(lambda: server.engine.info()["subscribers"] == 0)
            step += every
    assert step > 40
