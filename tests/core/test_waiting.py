"""Clients that wait for room in the filling group: who came first goes on first, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fluxdb._core.commit.channel import Channel
from fluxdb._core.serve.sans_io import Connection, Hub
from tests.core.conftest import Log, wait_readable

WRITE = b'{"kind":"set","key":"k","value":"%b"}\n' % (b"x" * 3_000)
BACKLOG = 200  # writes that a client sends at once: far more than a group takes


class Crowd:
    """Clients of one hub, each known by a letter; the groups that they fill take one or two writes."""

    def __init__(self, log: Log) -> None:
        self.hub = Hub(Channel(log.committer))
        self.clients: dict[str, Connection] = {}

    def wait(self, name: str) -> Connection:
        """A new client that has sent its backlog, and waits for room."""
        client = Connection(self.hub, line_bytes_max=10_000, authenticated=True)
        self.clients[name] = client
        client.feed(WRITE * BACKLOG)
        self.pump(client)
        assert client.stalled
        return client

    def pump(self, client: Connection) -> bool:
        """Was any of its writes taken?"""
        unread_bytes = client.unread_bytes
        assert client.next_request() is None
        client.take()
        return client.unread_bytes < unread_bytes

    def served(self) -> str:
        """The next who are served, once there is room."""
        while True:
            wait_readable(self.hub.fd)
            touched = self.hub.collect()
            names = [name for name, client in self.clients.items() if client in touched]
            names.sort(key=lambda name: touched.index(self.clients[name]))
            served = "".join(name for name in names if self.pump(self.clients[name]))
            if served:
                return served


@pytest.fixture
def crowd(make_log: Callable[..., Any]) -> Crowd:
    return Crowd(make_log(group_bytes_max=4096))


def test_nobody_overtakes_a_client_that_waits_for_room(crowd: Crowd) -> None:
    crowd.wait("a")
    wait_readable(crowd.hub.fd)  # there is room by now
    assert crowd.wait("b").pending == 0


def test_clients_that_wait_for_room_are_served_in_turn(crowd: Crowd) -> None:
    for name in "abcd":
        crowd.wait(name)
    assert "".join(crowd.served() for _ in range(8)).startswith("bcdabcda")


def test_clients_that_leave_while_they_wait_hold_up_nobody(crowd: Crowd) -> None:
    for name in "abcde":
        crowd.wait(name)
    for name in "bdec":  # the first that has had nothing, one in between, the last, and the only one
        crowd.clients.pop(name).close()
    crowd.wait("f")
    assert "".join(crowd.served() for _ in range(4)).startswith("fafa")
    crowd.clients.pop("a").close()
    crowd.clients.pop("f").close()
    crowd.wait("g")
    assert crowd.served() == "g"


def test_every_client_that_waits_is_served_to_its_end(crowd: Crowd) -> None:
    for name in "abc":
        crowd.wait(name)
    while not all(client.idle for client in crowd.clients.values()):
        wait_readable(crowd.hub.fd)
        for client in crowd.hub.collect():
            crowd.pump(client)
    assert crowd.hub.counts["set"] == (3 * BACKLOG, 0)
