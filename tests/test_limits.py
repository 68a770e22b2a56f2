"""Bounds that depend on each other: what can't hold together is rejected, with both names and the way out."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
from pathlib import Path

import pytest

import fluxdb
from fluxdb.engine.local.engine import Engine
from fluxdb.limits import (
    DEFAULT_LIMITS,
    DEFAULT_SERVER_LIMITS,
    DEFAULT_WEB_LIMITS,
    KIB,
    MIB,
    ORDERS,
    RANGES,
    REPLY_LINE_BYTES_MAX,
    SERVER_RANGES,
    Limits,
    ServerLimits,
    WebLimits,
    check_served,
)
from fluxdb.net.server import Server
from fluxdb.storage.database import Database
from tests.net.wire import run_program, threaded


@pytest.mark.guarantee(11)
@pytest.mark.parametrize(("smaller", "larger"), ORDERS)
def test_g11_a_part_is_at_most_the_sum_that_it_counts_towards(smaller: str, larger: str) -> None:
    kind, ranges = (Limits, RANGES) if smaller in RANGES else (ServerLimits, SERVER_RANGES)
    bound = max(ranges[smaller][0], ranges[larger][0])
    limits = kind(**{smaller: bound, larger: bound})
    assert getattr(limits, smaller) == getattr(limits, larger)
    with pytest.raises(ValueError, match=rf"{smaller} \({bound + 1}\) must be at most {larger} \({bound}\): lower"):
        kind(**{smaller: bound + 1, larger: bound})


@pytest.mark.guarantee(11)
def test_g11_the_defaults_fit_together() -> None:
    check_served(DEFAULT_LIMITS, DEFAULT_SERVER_LIMITS, DEFAULT_WEB_LIMITS)


MISFITS = {
    "line": (
        Limits(),
        {"line_bytes_max": 16 * MIB},
        {},
        "line_bytes_max is 16777216, .*or lower value_bytes_max and key",
    ),
    "key": (Limits(value_bytes_max=1, key_bytes_max=KIB), {"line_bytes_max": 7 * KIB}, {}, "takes 7169 bytes"),
    "reply": (Limits(), {"unread_bytes_max": 16 * MIB}, {}, "unread_bytes_max is .* a reply with value_bytes_max"),
    "page": (
        Limits(page_bytes_max=1024 * MIB),
        {},
        {},
        "unread_bytes_max is .* or page_bytes_max takes 1073742848 bytes",
    ),
    "queue": (Limits(), {"client_event_bytes_max": MIB - 1}, {}, "client_event_bytes_max is 1048575, but one queue"),
    "web": (
        Limits(),
        {},
        {"client_event_bytes_max": MIB - 1},
        "web_client_event_bytes_max is .*, or lower subscriber_",
    ),
}


@pytest.mark.guarantee(11)
@pytest.mark.parametrize(("database", "server", "web", "message"), MISFITS.values(), ids=MISFITS)
def test_g11_a_server_that_could_not_serve_what_its_database_holds_is_not_made(
    database: Limits, server: dict[str, int], web: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check_served(database, ServerLimits(**server), WebLimits(**web))


@pytest.mark.guarantee(11)
def test_g11_the_largest_document_of_the_limits_fits_in_the_smallest_line_that_is_taken(tmp_path: Path) -> None:
    """Not only by the arithmetic: as a request and as a reply, with a key whose every byte is escaped."""
    limits = Limits(key_bytes_max=1_000, value_bytes_max=20_000)

    def fits(bound: int) -> bool:
        try:
            check_served(limits, ServerLimits(line_bytes_max=bound))
        except ValueError:
            return False
        return True

    bounds = range(20_000, 40_000)
    server_limits = ServerLimits(line_bytes_max=bounds[bisect.bisect_left(bounds, True, key=fits)], drain_seconds=1)
    with (
        threaded(tmp_path, server_limits, limits=limits) as server,
        fluxdb.open(f"fluxdb://127.0.0.1:{server.port}") as db,
    ):
        db.set("\1" * 1_000, "x" * 19_998)
        assert db.get("\1" * 1_000) == fluxdb.Document("x" * 19_998, 1)


@pytest.mark.guarantee(11)
def test_g11_the_server_itself_is_not_made_with_such_limits(tmp_path: Path) -> None:
    async def make(engine: Engine) -> None:
        Server(engine, limits=ServerLimits(line_bytes_max=1 * MIB))

    with (
        contextlib.closing(Engine(Database.open(tmp_path, DEFAULT_LIMITS), DEFAULT_LIMITS)) as engine,
        pytest.raises(ValueError, match="set line_bytes_max to at least"),
    ):
        asyncio.run(make(engine))


@pytest.mark.guarantee(11)
@pytest.mark.parametrize("arguments", [(), ("--print-config",)], ids=["start", "print-config"])
def test_g11_the_command_says_which_settings_do_not_fit(arguments: tuple[str, ...], tmp_path: Path) -> None:
    code, _, errors = run_program("--data-dir", str(tmp_path / "d"), "--line-bytes-max", "1000000", *arguments)
    assert code == 2
    assert "set line_bytes_max to at least" in errors
    assert not (tmp_path / "d").exists()


def test_our_client_reads_an_event_of_the_largest_document_that_any_database_may_hold() -> None:
    assert 2 * RANGES["value_bytes_max"][1] < REPLY_LINE_BYTES_MAX
