"""Each test of the contract is run on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.engines import ENGINES, Place, Store


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(request.param, tmp_path / "db")


@pytest.fixture
def db(place: Place) -> Iterator[Store]:
    with place.open() as store:
        yield store
