"""Each test of the contract is run on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.engines import ENGINES, Opener, Place, Store
from tests.contract.remote import open_remote, open_remote_awaited

REMOTE: dict[str, Opener] = {"remote": open_remote, "remote-awaited": open_remote_awaited}


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
