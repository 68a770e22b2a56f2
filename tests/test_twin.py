"""An object that is used like its twin, or made without open(), says what to do; and nothing is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb import Limits

BLOCKING = r"^fluxdb\.open is for `with`; `async with` is for fluxdb\.aio\.open$"
AWAITED = r"^fluxdb\.aio\.open is for `async with`; `with` is for fluxdb\.open$"


def test_the_blocking_ones_say_that_async_with_is_for_their_twins(tmp_path: Path) -> None:
    async def main(db: Any) -> None:
        with pytest.raises(TypeError, match=BLOCKING):
            async with db:
                pass
        with pytest.raises(TypeError, match=BLOCKING):
            async with db.subscribe("k"):
                pass

    with fluxdb.open(tmp_path / "db") as db:
        asyncio.run(main(db))
        assert db.set("k", 1) == 1, "it stays open"


def test_the_awaited_ones_say_that_with_is_for_their_twins(tmp_path: Path) -> None:
    async def main() -> None:
        opening: Any = fluxdb.aio.open(tmp_path / "db")
        with pytest.raises(TypeError, match=AWAITED), opening:
            pass
        assert not (tmp_path / "db").exists()
        async with opening as db:
            for item in (db, db.subscribe("k")):
                with pytest.raises(TypeError, match=AWAITED), item:
                    pass
            assert await db.set("k", 1) == 1

    asyncio.run(main())


def test_a_database_that_was_not_awaited_says_so(tmp_path: Path) -> None:
    opening: Any = fluxdb.aio.open(tmp_path / "db")
    for name in ("get", "set", "subscribe", "close"):
        way_out = r"db = await fluxdb\.aio\.open\(\.\.\.\), or async with fluxdb\.aio\.open\(\.\.\.\) as db$"
        with pytest.raises(AttributeError, match=rf"^the database is not open yet, and has no {name}: {way_out}"):
            getattr(opening, name)
    assert not hasattr(opening, "get")
    assert not (tmp_path / "db").exists()


@pytest.mark.parametrize("kind", [fluxdb.FluxDB, fluxdb.aio.FluxDB])
@pytest.mark.parametrize("given", ["data", Path("data"), None])
def test_a_database_is_not_made_by_its_class(kind: Callable[[Any], object], given: Any) -> None:
    way_out = r"call fluxdb\.open\(path\), or await fluxdb\.aio\.open\(path\)$"
    with pytest.raises(TypeError, match=rf"^a FluxDB is not made by calling its class: {way_out}"):
        kind(given)


def test_subscriptions_are_iterable_in_one_way_each(tmp_path: Path) -> None:
    """Web frameworks ask which one it is, before they stream it."""
    with fluxdb.open(tmp_path / "db") as db, db.subscribe("k") as events:
        assert isinstance(events, Iterable) and not isinstance(events, AsyncIterable)
        awaited = fluxdb.aio.wrap(db).subscribe("k")
        assert isinstance(awaited, AsyncIterable) and not isinstance(awaited, Iterable)


WRONG_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"limits": 5}, r"^limits must be a fluxdb\.Limits\(\.\.\.\), not int$"),
    ({"limits": None}, r"^limits must be a fluxdb\.Limits\(\.\.\.\), not NoneType$"),
    ({"limits": {"value_bytes_max": 1}}, r"^limits must be a fluxdb\.Limits\(\.\.\.\), not dict$"),
    ({"limits": Limits}, r"^limits must be a fluxdb\.Limits\(\.\.\.\), not type$"),
    ({"timeout": "5"}, r"^timeout must be a number of seconds or None, not str$"),
    ({"heartbeat_seconds": True}, r"^heartbeat_seconds must be a number of seconds or None, not bool$"),
    (
        {"tls": True},
        r"^tls must be an ssl\.SSLContext, not bool; fluxdbs:// addresses use TLS with the usual checks$",
    ),
]


@pytest.mark.parametrize(("options", "words"), WRONG_OPTIONS, ids=range(len(WRONG_OPTIONS)))
def test_an_option_of_a_wrong_type_is_rejected_before_anything_is_made(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    for target in (tmp_path / "db", "fluxdb://127.0.0.1:1"):
        with pytest.raises(TypeError, match=words):
            fluxdb.open(target, **options)
        with pytest.raises(TypeError, match=words):
            fluxdb.aio.open(target, **options)  # in the very call, not when it is awaited
    assert list(tmp_path.iterdir()) == []
