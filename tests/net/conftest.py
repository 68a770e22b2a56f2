"""Each test of the server in this process runs twice: with its plain clients in the reactor, and in the event loop."""

from __future__ import annotations

import pytest

from fluxdb.net import server

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
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if not metafunc.module.__name__.rpartition(".")[2].startswith(WITHOUT_SERVER):
        ways = ["reactor", "loop"] if server.HAS_REACTOR else ["loop"]
        metafunc.parametrize("clients_in", ways, indirect=True)


@pytest.fixture(autouse=True)  # what no test asks for by name is not made, whatever it is parametrized with
def clients_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    way: str | None = getattr(request, "param", None)
    if way is not None:
        monkeypatch.setattr(server, "HAS_REACTOR", way == "reactor")
    return way
