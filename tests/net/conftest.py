"""Tests of a server in this process run with both pollers of the reactor, and over TLS.

Tests of the live page run on both kinds of event loops.
"""

from __future__ import annotations

import pytest

from fluxdb._core.reactor.reactor import HAS_EPOLL
from fluxdb.net import clients
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
    "test_clients",
    "test_tls",
    "test_passwords",
)


WAYS = [*(["epoll"] if HAS_EPOLL else []), "poll", "tls"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__.rpartition(".")[2]
    if name.startswith("test_web"):
        metafunc.parametrize("page_loop", LOOPS, indirect=True)
    elif not name.startswith(WITHOUT_SERVER):
        metafunc.parametrize("way", WAYS, indirect=True)


@pytest.fixture(autouse=True)  # what no test asks for by name is not made, whatever it is parametrized with
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    way: str | None = getattr(request, "param", None)
    if way is not None:
        monkeypatch.setattr(clients, "with_epoll", HAS_EPOLL and way != "poll")
        monkeypatch.setattr(wire, "secure", way == "tls")
        monkeypatch.setattr(wire, "loop_kind", "uvloop" if way == "tls" else "asyncio")
    return way


@pytest.fixture(autouse=True)
def page_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_client, "loop_kind", getattr(request, "param", "asyncio"))
