"""Tests of a server in this process run with its plain clients in the reactor, and in the event loop, of both kinds.

Tests of the live page run on both kinds of event loops.
"""

from __future__ import annotations

import pytest

from fluxdb.net import server
from tests.net import web_client, wire
from tests.support.loops import LOOPS

WITHOUT_SERVER = (
    "test_deliveries",
    "test_web",
    "test_certificate",
    "test_server_hangup",
    "test_server_hosts",
    "test_server_process",
    "test_server_tls",
    "test_bad_input",
    "test_stalled",
    "test_dropped",
    "test_evictions",
    "test_lines",
    "test_health",
    "test_ending",
    "test_disk_watch",
    "test_send_buffer",
    "test_plain_clients",
    "test_passwords",
)


WAYS = (["reactor"] if server.HAS_REACTOR else []) + [f"loop-{kind}" for kind in LOOPS]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__.rpartition(".")[2]
    if name.startswith("test_web"):
        metafunc.parametrize("page_loop", LOOPS, indirect=True)
    elif not name.startswith(WITHOUT_SERVER):
        metafunc.parametrize("clients_in", WAYS, indirect=True)


@pytest.fixture(autouse=True)  # what no test asks for by name is not made, whatever it is parametrized with
def clients_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    way: str | None = getattr(request, "param", None)
    if way is not None:
        monkeypatch.setattr(server, "HAS_REACTOR", way == "reactor")
        monkeypatch.setattr(wire, "loop_kind", way.removeprefix("loop-") if way != "reactor" else "asyncio")
    return way


@pytest.fixture(autouse=True)
def page_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_client, "loop_kind", getattr(request, "param", "asyncio"))
