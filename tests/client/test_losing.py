"""A connection that ends at an awkward moment: each caller and subscriber gets the truth."""

from __future__ import annotations

import asyncio
import errno
import random
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import fluxdb
from fluxdb import ClosedError, ConnectionLostError, Limits
from fluxdb.engine.remote import reconnecting
from fluxdb.engine.remote.link import Link, words
from fluxdb.engine.remote.reconnecting import Reconnecting
from fluxdb.engine.remote.subscribers import RemoteSubscriber
from fluxdb.engine.remote.watchers import Watchers
from fluxdb.model import Kind
from tests.client.test_faults import PATIENCE_SECONDS, until
from tests.support.odd_peer import odd_peer
from tests.support.small_server import SmallServer

GREETED = b'{"kind":"pong","id":1}\n'


@contextmanager
def peer() -> Iterator[tuple[str, deque[socket.socket]]]:
    """Its URL, and the connections that it has greeted."""
    greeted: deque[socket.socket] = deque()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            connection, _ = listening.accept()
            connection.recv(1_000)
            connection.sendall(GREETED)
            greeted.append(connection)

        greeting = threading.Thread(target=greet, daemon=True)
        greeting.start()
        yield f"fluxdb://127.0.0.1:{listening.getsockname()[1]}", greeted
        greeting.join(PATIENCE_SECONDS)
    for connection in greeted:
        connection.close()


def test_a_server_that_ends_its_half_and_reads_nothing_is_lost_at_once() -> None:
    with peer() as (url, greeted), fluxdb.open(url, timeout=10) as db:
        until(lambda: bool(greeted))

        def end() -> None:
            greeted[0].recv(1)  # the write is in flight
            greeted[0].shutdown(socket.SHUT_WR)

        ending = threading.Thread(target=end)
        ending.start()
        with pytest.raises(ConnectionLostError) as caught:
            db.set("k", "x" * (12 << 20))  # more than the system takes
        assert caught.value.maybe_applied
        ending.join(PATIENCE_SECONDS)


def test_a_connection_that_is_lost_behind_its_greeting_was_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    greet = Reconnecting._greet

    async def greet_and_lose(self: Reconnecting, link: Link, *until: float) -> None:
        await greet(self, link, *until)
        await link.wait_lost(PATIENCE_SECONDS)

    monkeypatch.setattr(Reconnecting, "_greet", greet_and_lose)
    with peer() as (url, greeted):

        def close() -> None:
            until(lambda: bool(greeted))
            greeted[0].close()

        closing = threading.Thread(target=close)
        closing.start()
        with pytest.raises(ConnectionLostError, match="the server closed the connection"):
            fluxdb.open(url)
        closing.join(PATIENCE_SECONDS)


def test_all_who_wait_for_one_connection_have_errors_of_their_own(server: SmallServer) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(server.url) as db:
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(0.01)
            errors = await asyncio.gather(*(db.set("k", 1) for _ in range(3)), return_exceptions=True)
            assert all(type(error) is ConnectionLostError and not error.maybe_applied for error in errors)
            assert len(set(map(id, errors))) == 3

    asyncio.run(main())


def test_asking_again_is_within_the_time_of_the_request(server: SmallServer, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    call_at = asyncio.base_events.BaseEventLoop.call_at

    def noting(self: asyncio.base_events.BaseEventLoop, when: float, callback: Any, *rest: Any, **more: Any) -> Any:
        if getattr(callback, "__name__", "") == "_expire":
            ends.append(when)
        return call_at(self, when, callback, *rest, **more)

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "call_at", noting)
    with fluxdb.open(server.url) as db:
        server.reply_bytes_until_cut = 5
        assert db.get("a") is None
    assert server.accepted == 2
    assert len(ends) == 2
    assert len(set(ends)) == 1


class Ending:
    """The body of a request, in whose making a finalizer closes a subscription."""

    def __init__(self, events: fluxdb.aio.Subscription) -> None:
        self._events = events

    def __bytes__(self) -> bytes:
        self._events.close()
        return b'{"kind":"ping"'


def test_a_finalizer_in_the_middle_of_a_request_shifts_nothing(server: SmallServer) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(server.url) as db:
            events = await db.subscribe("k")
            await db.handle.ask(Ending(events))  # type: ignore[attr-defined]
            assert await db.set("k", 1) == 1
            assert (await db.info())["subscribers"] == 0
        assert server.accepted == 1

    asyncio.run(main())


class TakenFrom(deque[object]):
    """Somebody takes the last item between a look at the length and one at it."""

    def __getitem__(self, index: Any) -> Any:
        self.clear()
        raise IndexError


def subscriber(*keys: str) -> RemoteSubscriber:
    return RemoteSubscriber(keys or ["k"], Limits(), lambda subscriber: None)


def test_a_loss_is_told_while_the_last_event_is_being_taken() -> None:
    slow = subscriber()
    slow.active["k"] = 0
    slow._queue = TakenFrom([(int(Kind.SET), "k", None, b"1", 1, 1, 1)])  # type: ignore[assignment]
    slow.interrupt(ConnectionLostError("lost"))
    with pytest.raises(ConnectionLostError):
        slow.take()


class FilledLate(deque[object]):
    def __init__(self, filled: RemoteSubscriber) -> None:
        super().__init__()
        self._filled = filled

    def popleft(self) -> object:
        if not self and self._filled._end is None:
            self._filled.push((int(Kind.SET), "k", None, b"1", 1, 1, 1))
            self._filled.tell()
            self._filled.end(ClosedError("closed"))
            raise IndexError
        return super().popleft()


def test_events_that_come_with_the_end_are_taken_before_it() -> None:
    last = subscriber()
    last.active["k"] = 0
    last._queue = FilledLate(last)  # type: ignore[assignment]
    assert last.take() is None
    assert last.has_news
    event = last.take()
    assert event is not None
    assert event[5] == 1
    with pytest.raises(ClosedError):
        last.take()


def test_the_reply_to_one_subscriber_speaks_for_nobody_who_asked_later() -> None:
    watchers = Watchers()
    first, second = subscriber(), subscriber()
    watchers.add(first)
    watchers.remove(first)  # so the server ends it
    watchers.add(second)
    watchers.answered("k", [first], b'{"kind":"subscribed","key":"k","revision":1}')
    watchers.pushed(b'{"kind":"event","event":{"key":"k","old":null,"new":1,"version":2,"op":"set","revision":2}}')
    watchers.answered("k", [second], b'{"kind":"subscribed","key":"k","revision":3}')
    watchers.pushed(b'{"kind":"event","event":{"key":"k","old":1,"new":2,"version":4,"op":"set","revision":4}}')
    watchers.tell()
    event = second.take()
    assert event is not None
    assert event[5] == 4  # without 2, since it has not 3


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EHOSTUNREACH, "Connect call failed ('10.0.0.1', 7000)"), "No route to host"),
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"),
            "connection refused (is the server running?)",
        ),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 7000, 0, 0), "
                "[Errno 111] Connect call failed ('127.0.0.1', 7000)"
            ),
            "connection refused (is the server running?)",
        ),
        (
            OSError("Multiple exceptions: [Errno 101] Connect call failed ('::1', 1), [Errno 111] Connect call failed"),
            "Network is unreachable; connection refused (is the server running?)",
        ),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (OSError("plain words"), "plain words"),
    ],
)
def test_why_there_is_no_connection_is_said_in_words_alone(error: OSError, told: str) -> None:
    assert words(error) == told


def test_a_server_that_loses_every_connection_is_tried_more_and_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def noting(shortest: float, longest: float) -> float:
        pauses.append(longest)
        return 0.0

    monkeypatch.setattr(random, "uniform", noting)
    monkeypatch.setattr(reconnecting, "PAUSE_SECONDS_MIN", PATIENCE_SECONDS)  # no connection lasts that long
    monkeypatch.setattr(reconnecting, "PAUSE_SECONDS_MAX", 8 * PATIENCE_SECONDS)
    first = [b'{"kind":"subscribed","key":"a","revision":0,"id":2}\n']
    with odd_peer(lambda line, request_id: first.pop() if first else None) as url, fluxdb.open(url) as db:
        events = db.subscribe("a")
        with pytest.raises(ConnectionLostError):
            db.set("a", 1)
        until(lambda: len(pauses) > 5)
        events.close()
    assert [pause / PATIENCE_SECONDS for pause in pauses[:6]] == [1, 2, 4, 8, 8, 8]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="of Linux")
@pytest.mark.parametrize(("timeout", "milliseconds"), [(30, 30_000), (1, 30_000), (31, 0), (None, 0)])
def test_a_machine_that_takes_no_requests_any_more_is_given_up(
    server: SmallServer, timeout: float | None, milliseconds: int
) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(server.url, timeout=timeout) as db:
            connected = db.handle._line.live._transport.get_extra_info("socket")  # type: ignore[attr-defined]
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == milliseconds

    asyncio.run(main())
