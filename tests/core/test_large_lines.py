"""Lines that take long to take apart: nobody else waits for them, and what is behind them keeps its order."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from fluxdb._core.serve.sans_io import Connection
from fluxdb.model import Kind
from tests.core.client import Client
from tests.core.conftest import Log, wait_readable
from tests.core.sides import PATIENCE_SECONDS, Loop, Side

needs_epoll = pytest.mark.skipif(sys.platform != "linux", reason="there is no epoll")
MIB = 1 << 20
BOUNDS: dict[str, Any] = {"line_bytes_max": 64 * MIB, "output_bytes_max": MIB}


def many_members(count: int) -> bytes:
    """A SET of an object with so many members: the slowest there is."""
    return b'{"kind":"set","key":"large","id":"large","value":{%b}}' % b",".join(b'"%d":1' % i for i in range(count))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"


@pytest.fixture
def roomy(make_log: Callable[..., Log]) -> Log:
    return make_log(value_bytes_max=32 * MIB, group_bytes_max=4 * MIB, segment_bytes=64 * MIB)


@needs_epoll
@pytest.mark.parametrize("value_bytes_max", [32 * MIB, 4096])
def test_others_are_answered_while_a_large_line_is_taken_apart(
    make_log: Callable[..., Log], value_bytes_max: int
) -> None:
    loop = Loop(make_log(value_bytes_max=value_bytes_max, segment_bytes=64 * MIB), input_bytes_max=64 * MIB)
    large, other = Side(loop, **BOUNDS), Side(loop)
    line = many_members(1_500_000)

    def input_bytes() -> int:
        return int(loop.reactor.totals()["input_bytes"])

    sender = threading.Thread(target=large.socket.sendall, args=[line + b'\n{"kind":"ping"}\n'])
    sender.start()
    until(lambda: input_bytes() >= len(line))  # it is whole, and not taken
    assert [reply["kind"] for reply in other.ask({"kind": "get", "key": "large"}, {"kind": "ping"})] == [
        "value",
        "pong",
    ]
    assert input_bytes() >= len(line), "it was taken apart before the others were answered"
    sender.join()
    if value_bytes_max < len(line):
        loop.news()
    reply, pong = large.lines(2)
    assert (reply["id"], pong) == ("large", {"kind": "pong"})
    assert reply.get("version") == 1 if value_bytes_max > len(line) else reply["code"] == "too_large"
    assert input_bytes() == 0
    for side in (large, other):
        side.close()
    loop.reactor.close()


def test_an_event_loop_is_not_held_up_by_a_large_line(roomy: Log) -> None:
    client = Client(roomy)
    client.connection = Connection(client.hub, line_bytes_max=64 * MIB, authenticated=True)
    line = many_members(100_000)
    client.connection.feed(b'{"kind":"ping"}\n' + line + b'\r\n{"kind":"get","key":"large"}\n{"kind":"pi')
    assert client.connection.next_request() is None
    assert client.connection.take() == b'{"kind":"pong"}\n'
    assert client.connection.stalled
    assert client.connection.unread_bytes >= len(line)
    assert not client.connection.idle
    client.connection.feed(b'ng"}\n')
    replies: list[Any] = []
    while len(replies) < 3:
        wait_readable(client.hub.fd)
        client.hub.collect()
        assert client.connection.next_request() is None
        replies += client.connection.take().splitlines()
    written, got, pong = (json.loads(reply) for reply in replies)
    assert (written["version"], written["id"], pong["kind"]) == (1, "large", "pong")
    assert len(got["doc"]["value"]) == 100_000
    assert client.connection.idle


@needs_epoll
def test_large_and_small_lines_of_many_clients_are_answered_in_order(roomy: Log) -> None:
    loop = Loop(roomy, input_bytes_max=64 * MIB)
    sides = [Side(loop, **BOUNDS) for _ in range(4)]
    rounds = 6

    def requests(name: str, i: int) -> list[dict[str, Any]]:
        return [
            {"kind": "set", "key": name, "value": {"i": i, "text": "é" * 100_000}, "id": f"set{i}"},
            {"kind": "get", "key": name, "id": f"get{i}"},
            {"kind": "patch", "key": name, "delta": {"more": ["y"] * 50_000}, "id": f"patch{i}"},
            {"kind": "del", "key": name, "unknown": "z" * 100_000, "id": f"del{i}"},
            {"kind": "get", "key": name, "id": f"gone{i}"},
        ]

    def work(number: int) -> None:
        for i in range(rounds):
            sides[number].send(*requests(f"k{number}", i))

    senders = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for sender in senders:
        sender.start()
    for side in sides:
        for i in range(rounds):
            replies = side.lines(5)
            assert [reply["id"] for reply in replies] == [
                f"{word}{i}" for word in ("set", "get", "patch", "del", "gone")
            ]
            assert [reply.get("version") for reply in replies] == [3 * i + 1, None, 3 * i + 2, 3 * i + 3, None]
            assert replies[1]["doc"]["value"]["i"] == i
            assert replies[4]["doc"] is None
    for sender in senders:
        sender.join()
    for side in sides:
        side.close()
    assert roomy.replayed()[0].digest() == roomy.documents.digest()
    loop.reactor.close()


@needs_epoll
def test_what_is_wrong_with_a_large_line_is_answered_in_its_turn(loop: Loop) -> None:
    side = Side(loop, **BOUNDS)
    long = "x" * 200_000
    lines = [
        b'{"kind":"get","key":"a","unknown":"%b"' % long.encode(),
        b'{"kind":"nothing","id":2,"unknown":"%b"}' % long.encode(),
        b'{"kind":"set","id":3,"key":"","value":"%b"}' % long.encode(),
        b'{"kind":"set","id":4,"key":"a","value":"%b"}' % long.encode(),
        b'{"kind":"info","id":"%b"}' % long.encode(),
    ]
    side.socket.sendall(b"\n".join(lines) + b'\n{"kind":"ping"}\n')
    requests: list[Any] = []
    while not requests:
        requests = loop.news()
    ((number, ticket, _, request_id, *_),) = requests
    assert json.loads(request_id) == long
    loop.reactor.reply(number, ticket, b'{"kind":"info"}\n')
    replies = side.lines(6)
    assert [reply.get("code", reply["kind"]) for reply in replies] == [
        "invalid_request",
        "invalid_request",
        "invalid_key",
        "too_large",
        "info",
        "pong",
    ]
    assert [reply.get("id") for reply in replies[:4]] == [None, 2, 3, 4]
    side.close()


@needs_epoll
def test_clients_that_go_while_their_lines_are_taken_apart_leave_nothing(roomy: Log) -> None:
    loop = Loop(roomy, input_bytes_max=64 * MIB)
    line = many_members(100_000) + b"\n"
    for _ in range(10):
        side = Side(loop, **BOUNDS)
        side.socket.sendall(line)
        loop.reactor.send_away(side.number, b"{}\n")
        side.close()
    loop.until(lambda: len(loop.gone) == 10)
    other = Side(loop, **BOUNDS)
    other.socket.sendall(line)
    assert other.line()["id"] == "large"
    assert loop.reactor.totals()["input_bytes"] == 0
    other.socket.sendall(line)
    until(lambda: loop.reactor.totals()["input_bytes"] > 0)
    assert loop.reactor.close()  # in the middle of it
    with contextlib.suppress(ConnectionResetError):
        assert other.rest() == b""
    other.close()


@needs_epoll
def test_a_large_write_that_finds_the_group_full_waits_for_room(make_log: Callable[..., Log]) -> None:
    loop = Loop(make_log(value_bytes_max=MIB, group_bytes_max=300_000, segment_bytes=64 * MIB))
    sides = [Side(loop, **BOUNDS) for _ in range(6)]
    for number, side in enumerate(sides):
        side.send(*[{"kind": "set", "key": f"k{number}", "value": "x" * 200_000}] * 3)
    for side in sides:
        assert [reply["version"] for reply in side.lines(3)] == [1, 2, 3]
        side.close()
    loop.reactor.close()


def test_a_child_of_a_fork_lets_go_of_the_hub_without_the_thread(roomy: Log) -> None:
    client = Client(roomy)
    client.connection = Connection(client.hub, line_bytes_max=MIB * 64, authenticated=True)
    client.connection.feed(many_members(50_000) + b"\n")
    assert client.connection.next_request() is None
    child = os.fork()
    if child == 0:
        client.connection.close()
        client.hub.close()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    wait_readable(client.hub.fd)


# ---- merges of large documents ----


def threads_of_this_process() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - a count, many times over


def filled(log: Log, byte_count: int, key: str = "large") -> None:
    """A document whose patches are large merges; no client sent it, so the thread for large lines is not there yet."""
    text = json.dumps({"filling": "x" * byte_count, "n": 0}, separators=(",", ":")).encode()
    written = log.committer.write(Kind.SET, key, text, -1)
    assert written is not None and written[0] == 1


@needs_epoll
@pytest.mark.parametrize(("byte_count", "threads"), [(1_000, 0), (100_000, 0), (MIB, 1)])
def test_a_small_patch_of_a_large_document_is_merged_by_the_thread_for_large_lines(
    roomy: Log, byte_count: int, threads: int
) -> None:
    filled(roomy, byte_count)
    loop = Loop(roomy, input_bytes_max=64 * MIB)
    side = Side(loop, **BOUNDS)
    before = threads_of_this_process()
    replies = side.ask(
        {"kind": "patch", "key": "large", "delta": {"n": 1}, "id": "a", "if_version": 1},
        {"kind": "patch", "key": "large", "delta": {"m": 2}, "id": "b", "if_version": 1},
        {"kind": "patch", "key": "large", "delta": {"filling": None, "é": "\u00e9"}, "id": "c", "remove_nulls": True},
        {"kind": "get", "key": "large", "id": "d"},
    )
    assert threads_of_this_process() - before == threads
    assert [reply["id"] for reply in replies] == ["a", "b", "c", "d"]
    assert [reply.get("version") for reply in replies] == [2, None, 3, None]
    assert (replies[1]["code"], replies[1]["actual"]) == ("version_conflict", 2)
    assert replies[3]["doc"] == {"value": {"n": 1, "é": "é"}, "version": 3}
    side.close()
    loop.reactor.close()


@needs_epoll
@pytest.mark.guarantee(3)
def test_g3_large_merges_of_many_clients_lose_no_update(roomy: Log) -> None:
    keys = ["large 0", "large 1"]
    for key in keys:
        filled(roomy, MIB // 2, key)
    loop = Loop(roomy, input_bytes_max=64 * MIB)
    sides = [Side(loop, **BOUNDS) for _ in range(6)]
    rounds = 8
    for number, side in enumerate(sides):
        key = keys[number % 2]
        side.send(*[{"kind": "patch", "key": key, "delta": {f"k{number}-{i}": i}} for i in range(rounds)])
    replies = [side.lines(rounds) for side in sides]
    for half, key in enumerate(keys):
        versions = [reply["version"] for of_one in replies[half::2] for reply in of_one]
        assert sorted(versions) == list(range(2, 2 + 3 * rounds))
        stored = roomy.documents.get(key)
        assert stored is not None
        found = json.loads(stored[0])
        assert {name: found[name] for name in found if name.startswith("k")} == {
            f"k{number}-{i}": i for number in range(half, 6, 2) for i in range(rounds)
        }
    for side in sides:
        side.close()
    assert roomy.replayed()[0].digest() == roomy.documents.digest()
    loop.reactor.close()


@needs_epoll
def test_clients_that_go_while_their_documents_are_merged_leave_nothing_pinned(roomy: Log) -> None:
    filled(roomy, 4 * MIB)
    loop = Loop(roomy, input_bytes_max=64 * MIB)
    for i in range(10):
        side = Side(loop, **BOUNDS)
        side.send({"kind": "patch", "key": "large", "delta": {f"gone{i}": i}})
        loop.reactor.send_away(side.number, b"{}\n")
        side.close()
    loop.until(lambda: len(loop.gone) == 10)
    other = Side(loop, **BOUNDS)
    (reply,) = other.ask({"kind": "patch", "key": "large", "delta": {"stays": 1}})
    stored = roomy.documents.get("large")
    assert stored is not None and json.loads(stored[0])["stays"] == 1 and stored[1] == reply["version"]
    other.send({"kind": "patch", "key": "large", "delta": {"more": 1}})
    assert loop.reactor.close()  # in the middle of it, or not
    other.close()
    assert roomy.replayed()[0].digest() == roomy.documents.digest()
