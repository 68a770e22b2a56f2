"""The receiving side of the benchmarks, against a server that is a thread of this process."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from fluxdb._core.load.receiver import LoadReceiver
from fluxdb.errors import ConnectionLostError, RequestTimeoutError

PATIENCE_SECONDS = 30


class Publisher:
    """Tells each subscriber of each line that it reads, and answers the line. ``pieces``: how an event is sent."""

    def __init__(self, subscribers: int, pieces: tuple[bytes, ...] = (b"event\n",), stop_after: int = 1 << 60) -> None:
        pairs = [socket.socketpair() for _ in range(subscribers + 1)]
        self.ours = [pair[0] for pair in pairs]
        self._theirs = [pair[1] for pair in pairs]
        for each in self.ours:
            each.setblocking(False)
        for each in self._theirs:
            each.settimeout(PATIENCE_SECONDS)
        self._pieces = pieces
        self._stop_after = stop_after
        self.lines = 0
        self.largest_batch = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def receiver(self, **settings: int) -> LoadReceiver:
        return LoadReceiver(self.ours[:-1], self.ours[-1], b"write\n", **settings)

    def close(self) -> None:
        for each in self.ours:
            each.close()
        self._thread.join(PATIENCE_SECONDS)
        for each in self._theirs:
            each.close()

    def _run(self) -> None:
        *subscribers, writer = self._theirs
        with contextlib.suppress(OSError):
            while data := writer.recv(1 << 16):
                count = data.count(b"\n")
                self.largest_batch = max(self.largest_batch, count)
                for _ in range(min(count, self._stop_after - self.lines)):
                    for piece in self._pieces:
                        for each in subscribers:
                            each.sendall(piece)
                self.lines += count
                writer.sendall(b"ok\n" * count)


Make = Callable[..., Publisher]


@pytest.fixture
def make() -> Iterator[Make]:
    with contextlib.ExitStack() as stack:

        def made(*arguments: object, **settings: object) -> Publisher:
            return stack.enter_context(contextlib.closing(Publisher(*arguments, **settings)))  # type: ignore[arg-type]

        yield made


def test_it_is_done_when_each_subscriber_has_every_event(make: Make) -> None:
    publisher = make(5)
    assert publisher.receiver().run(1_000) > 0
    assert publisher.lines == 1_000


def test_runs_follow_each_other(make: Make) -> None:
    publisher = make(3)
    receiver = publisher.receiver(window=7)
    for _ in range(3):
        receiver.run(100)
    assert publisher.lines == 300


def test_no_more_writes_are_on_their_way_than_the_window(make: Make) -> None:
    publisher = make(4)
    publisher.receiver(window=1).run(50)
    assert publisher.largest_batch == 1


def test_an_event_of_several_lines_counts_once_however_it_is_cut(make: Make) -> None:
    publisher = make(3, (b"*3\r\n$7\r\nmess", b"age\r\n$1", b"\r\nk\r\n$1\r\nv", b"\r\n"))
    publisher.receiver(newlines=7, window=3).run(100)
    assert publisher.lines == 100


def test_more_events_than_writes_are_an_error(make: Make) -> None:
    with pytest.raises(ConnectionLostError, match="more than was written"):
        make(2, (b"event\nevent\n",)).receiver().run(10)


def test_a_closed_connection_is_an_error_and_the_receiver_is_of_no_more_use(make: Make) -> None:
    publisher = make(2)
    receiver = publisher.receiver()
    receiver.run(1)
    publisher._theirs[0].shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionLostError):
        receiver.run(10)
    with pytest.raises(RuntimeError, match="last run failed"):
        receiver.run(10)


def test_events_that_do_not_come_are_waited_for_with_a_bound(make: Make) -> None:
    with pytest.raises(RequestTimeoutError, match=r"when all had 5 of 10"):
        make(2, stop_after=5).receiver().run(10, silence_seconds=0.2)


@pytest.mark.parametrize("settings", [{"newlines": 0}, {"window": 0}, {"window": 1 << 20}])
def test_settings_that_can_not_be_are_refused(make: Make, settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"newlines|65536"):
        make(1).receiver(**settings)


def test_there_must_be_a_subscriber_and_a_request(make: Make) -> None:
    publisher = make(1)
    with pytest.raises(ValueError, match="there must be"):
        LoadReceiver([], publisher.ours[-1], b"write\n")
    with pytest.raises(ValueError, match="there must be"):
        LoadReceiver(publisher.ours[:-1], publisher.ours[-1], b"")
