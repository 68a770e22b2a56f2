"""Messages about keys, before anything is done with them."""

from __future__ import annotations

import asyncio
import warnings
from pathlib import Path

import pytest

import fluxdb
import fluxdb.aio


def test_a_key_that_looks_like_a_pattern_is_warned_about_where_it_is_subscribed_to(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db, pytest.warns(UserWarning, match=r"'user:\*' names one key") as told:
        db.subscribe("a", "user:*").close()
    assert [warning.filename for warning in told] == [__file__]


def test_a_task_is_warned_about_a_pattern_too(tmp_path: Path) -> None:
    async def subscribe() -> None:
        async with fluxdb.aio.open(tmp_path) as db, db.subscribe("*"):
            pass

    with pytest.warns(UserWarning, match=r"'\*' names one key") as told:
        asyncio.run(subscribe())
    assert [warning.filename for warning in told] == [__file__]


def test_the_same_line_is_warned_once(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(3):
            db.subscribe("user:*").close()
    assert len(told) == 1


def test_a_star_within_a_key_is_not_warned_about(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db, warnings.catch_warnings():
        warnings.simplefilter("error")
        db.subscribe("2*3", "*a").close()


def test_a_warning_that_is_raised_leaves_no_subscription(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db, warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            db.subscribe("user:*")
        assert db.info()["subscribers"] == 0
