"""The load generator against a server in a thread: what it sends, counts, measures; how it ends."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from fluxdb._core.load.generator import LoadGenerator, LoadResult
from fluxdb._core.load.histogram import LatencyHistogram
from fluxdb.errors import ConnectionLostError, RequestTimeoutError
from tests.support.load_peer import Peer, ok

EACH = [b"one\n", b"number two\n", b"3\n"]
REQUESTS, LENGTHS = b"".join(EACH), list(map(len, EACH))
ERROR = b'{"kind":"error","code":"too_large","message":"no"}\n'


class Patient(LoadGenerator):
    """The server is a thread beside it, which may wait long for a processor."""

    def run(
        self,
        total: int,
        latencies: LatencyHistogram,
        *,
        deadline_seconds: float = 3600,
        silence_seconds: float = 300,
        progress: Callable[[int, int], object] | None = None,
    ) -> LoadResult:
        return super().run(
            total,
            latencies,
            deadline_seconds=deadline_seconds,
            silence_seconds=silence_seconds,
            progress=progress,
        )


def generator(sockets: list[socket.socket], protocol: str = "flux", pipeline: int = 1) -> LoadGenerator:
    return Patient(sockets, REQUESTS, LENGTHS, protocol=protocol, pipeline=pipeline)


@pytest.mark.parametrize("pipeline", [1, 2, 3, 7, 100])
def test_requests_are_sent_in_turn_and_each_is_measured(pipeline: int) -> None:
    latencies = LatencyHistogram()
    with Peer(1) as peer:
        result = generator(peer.sockets, pipeline=pipeline).run(20, latencies)
    assert peer.requests[0] == (EACH * 7)[:20]
    assert (result.replies, result.errors, result.first_error, latencies.count) == (20, 0, "", 20)
    assert result.bytes_sent == sum(map(len, peer.requests[0]))
    assert result.bytes_received == 20 * len(ok(b""))
    assert 0 < latencies.max <= result.elapsed_ns


@pytest.mark.parametrize(("connections", "pipeline", "total"), [(300, 1, 5000), (7, 16, 10_000), (50, 10, 30)])
def test_many_connections_send_as_many_as_asked_in_all(connections: int, pipeline: int, total: int) -> None:
    latencies = LatencyHistogram()
    with Peer(connections) as peer:
        result = generator(peer.sockets, pipeline=pipeline).run(total, latencies)
    assert result.replies == latencies.count == len(peer.all_requests) == total
    sent = Counter(peer.all_requests)
    assert max(sent.values()) - min(sent[each] for each in EACH) <= 1
    if total > connections * pipeline:
        assert all(peer.requests)


def test_never_more_in_flight_than_asked() -> None:
    held: list[bytes] = []
    most = 0

    def answer(request: bytes) -> bytes:
        nonlocal most
        held.append(request)
        most = max(most, len(held))
        if len(held) < 5:
            return b""
        replies = ok(b"") * len(held)
        held.clear()
        return replies

    with Peer(1, answer) as peer:
        generator(peer.sockets, pipeline=5).run(1000, LatencyHistogram())
    assert most == 5


def test_the_next_run_goes_on_with_the_next_request() -> None:
    with Peer(1) as peer:
        load = generator(peer.sockets)
        load.run(2, LatencyHistogram())
        load.run(2, LatencyHistogram())
        assert load.run(0, LatencyHistogram()).replies == 0
    assert peer.requests[0] == [EACH[0], EACH[1], EACH[2], EACH[0]]


def test_a_late_reply_takes_as_long_as_it_is_late() -> None:
    latencies = LatencyHistogram()
    with Peer(1, delay_seconds=0.05) as peer:
        generator(peer.sockets).run(2, latencies)
    assert latencies.min >= 50_000_000


def test_errors_are_counted_and_the_first_is_told() -> None:
    replies = iter([ok(b""), ERROR, ERROR.replace(b"no", b"never")] + [ok(b"")] * 5)
    with Peer(1, lambda request: next(replies)) as peer:
        result = generator(peer.sockets).run(8, LatencyHistogram())
    assert (result.replies, result.errors, result.first_error) == (8, 2, ERROR.decode().strip())


def test_a_long_error_is_cut() -> None:
    with Peer(1, lambda request: b'{"kind":"error","message":"' + b"x" * 100_000 + b'"}\n') as peer:
        result = generator(peer.sockets).run(2, LatencyHistogram())
    assert result.errors == 2
    assert result.first_error.startswith('{"kind":"error","message":"xxx')
    assert len(result.first_error) == 512


def test_requests_larger_than_a_socket_takes_at_once_come_whole() -> None:
    each = [bytes([65 + i]) * 400_000 + b"\n" for i in range(5)]
    with Peer(2) as peer:
        load = Patient(peer.sockets, b"".join(each), map(len, each), protocol="flux", pipeline=4)
        load.run(20, LatencyHistogram())
    assert Counter(peer.all_requests) == dict.fromkeys(each, 4)


def test_replies_larger_than_one_read_are_one_each() -> None:
    big = b"$500000\r\n" + b"\n-" * 250_000 + b"\r\n"
    with Peer(2, lambda request: big) as peer:
        result = generator(peer.sockets, "resp", pipeline=3).run(30, LatencyHistogram())
    assert (result.replies, result.errors, result.bytes_received) == (30, 0, 30 * len(big))


def test_progress_is_told_and_ends_with_all() -> None:
    told: list[tuple[int, int]] = []
    with Peer(1, delay_seconds=0.15) as peer:
        generator(peer.sockets).run(3, LatencyHistogram(), progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3, 3)
    assert len(told) > 1
    assert told == sorted(told)


def test_what_progress_raises_ends_the_run() -> None:
    def stop(done: int, total: int) -> None:
        raise KeyError

    with Peer(1, lambda request: b"") as peer:
        load = generator(peer.sockets)
        with pytest.raises(KeyError):
            load.run(10, LatencyHistogram(), progress=stop)
        with pytest.raises(RuntimeError, match="its last run failed"):
            load.run(1, LatencyHistogram())


def test_a_closed_connection_is_told() -> None:
    replies = iter([ok(b""), ok(b""), None])
    with Peer(1, lambda request: next(replies)) as peer:
        load = generator(peer.sockets)
        with pytest.raises(ConnectionLostError, match="closed a connection after 2 of 10 replies"):
            load.run(10, LatencyHistogram())
        with pytest.raises(RuntimeError):
            load.run(1, LatencyHistogram())


def test_what_the_server_said_before_it_closed_is_told() -> None:
    replies = iter([ERROR, None])
    with (
        Peer(1, lambda request: next(replies)) as peer,
        pytest.raises(ConnectionLostError, match=r"its first error: .*too_large"),
    ):
        generator(peer.sockets).run(10, LatencyHistogram())


def test_a_connection_that_is_gone_when_it_is_sent_to_is_told() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    ours.setblocking(False)
    with ours, pytest.raises(ConnectionLostError, match="a connection broke after 0 of 1 replies: Broken pipe"):
        generator([ours]).run(1, LatencyHistogram())


def test_a_silent_server_is_given_up() -> None:
    replies = iter([ok(b"")] * 3 + [b""] * 100)
    with (
        Peer(3, lambda request: next(replies)) as peer,
        pytest.raises(RequestTimeoutError, match=r"no reply for 0\.2 s, after 3 of 10 replies"),
    ):
        generator(peer.sockets).run(10, LatencyHistogram(), silence_seconds=0.2)


def test_a_server_that_goes_on_for_ever_is_given_up() -> None:
    with Peer(1, delay_seconds=0.01) as peer, pytest.raises(RequestTimeoutError, match=r"when the 0\.2 s were over"):
        generator(peer.sockets).run(10**9, LatencyHistogram(), deadline_seconds=0.2)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("flux", b"-ERR unknown command\r\n"),
        ("flux", b"HTTP/1.1 400 Bad Request\r\n"),
        ("flux", b"\n"),
        ("resp", ERROR),
        ("resp", b"*1\r\n$1\r\na\r\n"),
        ("resp", b"$x\r\n"),
        ("resp", b"$99999999999999999999999\r\n"),
    ],
)
def test_a_server_of_another_protocol_is_told_with_what_it_said(protocol: str, said: bytes) -> None:
    with Peer(1, lambda request: said) as peer, pytest.raises(ConnectionLostError, match="another protocol; it said"):
        generator(peer.sockets, protocol).run(10, LatencyHistogram())


def test_more_replies_than_requests_are_no_success() -> None:
    with (
        Peer(1, lambda request: ok(b"") * 3) as peer,
        pytest.raises(ConnectionLostError, match="more replies than it was asked for"),
    ):
        generator(peer.sockets, pipeline=2).run(10, LatencyHistogram())


def test_other_threads_run_meanwhile() -> None:
    with Peer(1, lambda request: b"") as peer:
        ended = threading.Event()

        def run() -> None:
            with pytest.raises(RequestTimeoutError):
                generator(peer.sockets).run(1, LatencyHistogram(), silence_seconds=1)
            ended.set()

        thread = threading.Thread(target=run)
        thread.start()
        rounds = 0
        while not ended.is_set():
            time.sleep(0.001)
            rounds += 1
        thread.join()
    assert rounds > 1


@pytest.mark.parametrize(
    ("requests", "lengths"),
    [(b"", []), (b"ab", [1]), (b"ab", [1, 2]), (b"ab", [2, 0]), (b"ab", [0, 2]), (b"ab", [2**63, 2**63 + 2])],
)
def test_lengths_that_are_not_the_requests_are_refused(requests: bytes, lengths: list[int]) -> None:
    with Peer(1) as peer, pytest.raises(ValueError, match="lengths"):
        LoadGenerator(peer.sockets, requests, lengths, protocol="flux")


def test_settings_that_can_not_be_are_refused() -> None:
    with Peer(1) as peer, pytest.raises(ValueError, match="protocol"):
        generator(peer.sockets, "http")
        with pytest.raises(ValueError, match="no connections"):
            generator([])
        for pipeline in (0, -1, 2**24 + 1):
            with pytest.raises(ValueError, match="in flight"):
                generator(peer.sockets, pipeline=pipeline)
        for seconds in (0, -1, float("nan"), float("inf")):
            with pytest.raises(ValueError, match="time-out"):
                generator(peer.sockets).run(1, LatencyHistogram(), silence_seconds=seconds)
            with pytest.raises(ValueError, match="time-out"):
                generator(peer.sockets).run(1, LatencyHistogram(), deadline_seconds=seconds)


def test_a_socket_that_is_closed_is_refused() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs, pytest.raises(ConnectionLostError, match="can't wait for a connection"):
        generator([ours])
