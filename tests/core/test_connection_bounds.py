"""The bounds of one connection: replies that nobody has taken, and bytes that wait for a password."""

from __future__ import annotations

import pytest

from fluxdb._core.serve.sans_io import Connection
from fluxdb.model import Kind
from tests.core.client import Client
from tests.core.conftest import Log, wait_readable

BOUND = 10_000


@pytest.fixture
def client(log: Log) -> Client:
    log.committer.write(Kind.SET, "a", b'"%b"' % (b"x" * 1_000))
    client = Client(log)
    client.connection = Connection(client.hub, line_bytes_max=10_000, authenticated=True, output_bytes_max=BOUND)
    return client


@pytest.mark.parametrize("behind_a_write", [False, True])
def test_g11_replies_that_nobody_takes_stop_the_reading_and_all_come_in_the_end(
    client: Client, behind_a_write: bool
) -> None:
    connection, taken = client.connection, b""
    if behind_a_write:
        connection.feed(b'{"kind":"patch","key":"a","delta":"y"}\n' + b'{"kind":"set","key":"a","value":"z"}\n' * 3)
    connection.feed(b'{"kind":"get","key":"a"}\n' * 500 + b'{"kind":"ping"}\n')
    while not connection.idle:
        assert connection.next_request() is None
        assert connection.held_bytes <= BOUND
        output = connection.take()
        if not output and not connection.idle:  # so it waits for the disk
            wait_readable(client.hub.fd)
            client.hub.collect()
        assert len(output) <= BOUND + 2_000
        taken += output
    assert taken.count(b'"doc":{') == 500
    assert taken.endswith(b'{"kind":"pong"}\n')
    assert not connection.choked


def test_what_comes_behind_a_password_waits_for_the_answer(log: Log) -> None:
    client = Client(log, authenticated=False)
    client.connection.feed(b'{"kind":"auth","password":"p"}\n{"kind":"set","key":"a","value":1}\n{"kind":"ping"}\n')
    request = client.connection.next_request()
    assert request is not None
    assert client.connection.next_request() is None
    assert client.connection.stalled
    client.connection.authenticated = True
    client.connection.reply(request[0], b'{"kind":"ok"}\n')
    client.pump()
    assert [reply["kind"] for reply in client.settle()] == ["ok", "ok", "pong"]


def test_requests_are_counted_by_kind_and_outcome(log: Log) -> None:
    client = Client(log)
    client.ask(
        {"kind": "set", "key": "a", "value": 1},
        {"kind": "set", "key": "a", "value": 1, "if_version": 9},
        {"kind": "get", "key": "a"},
        {"kind": "del", "key": "b"},
        {"kind": "get", "key": ""},
        {"kind": "what"},
        {"kind": "ping"},
    )
    counts = {kind: count for kind, count in client.hub.counts.items() if count != (0, 0)}
    assert counts == {"set": (1, 1), "get": (1, 1), "del": (1, 0), "invalid": (0, 1), "ping": (1, 0)}
    for kind, (answered, refused) in client.hub.counts.items():
        client.hub.count(kind, True)
        assert client.hub.counts[kind] == (answered, refused + 1)
