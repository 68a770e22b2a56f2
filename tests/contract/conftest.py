"""Each test of the contract is run on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import uvloop

from tests.contract.engines import ENGINES, Opener, Place, Store, new_debug_loop
from tests.contract.remote import open_remote, open_remote_awaited

REMOTE: dict[str, Opener] = {
    "remote": open_remote,
    "remote-awaited": open_remote_awaited,
    "remote-awaited-uvloop": partial(open_remote_awaited, new_loop=uvloop.new_event_loop),
    "remote-awaited-debug": partial(open_remote_awaited, new_loop=new_debug_loop),
}


@pytest.fixture(params=[*ENGINES, *REMOTE])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param in REMOTE and request.node.get_closest_marker("local"):
        pytest.skip("of a folder in this process")
    opener = {**ENGINES, **REMOTE}[request.param]
    return Place(opener, tmp_path / "db", is_remote=request.param in REMOTE)


@pytest.fixture
def db(place: Place) -> Iterator[Store]:
    with place.open() as store:
        yield store
