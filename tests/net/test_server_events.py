"""Subscriptions over real sockets: none missing, none for those who left, and nobody waits for who is slow."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from fluxdb.engine.asked import Asked
from fluxdb.limits import Limits, ServerLimits
from tests.net.wire import Wire, threaded


def test_events_come_in_version_order_and_none_is_missing(tmp_path: Path) -> None:
    with threaded(tmp_path) as server, Wire(server.port) as watcher, Wire(server.port) as writer:
        watcher.ask({"kind": "subscribe", "key": "a"}, {"kind": "subscribe", "key": "b"})
        for i in range(200):
            writer.ask({"kind": "set", "key": "ab"[i % 2], "value": i}, {"kind": "set", "key": "c", "value": i})
        events = [watcher.line()["event"] for _ in range(200)]
    for key in "ab":
        assert [event["version"] for event in events if event["key"] == key] == list(range(1, 101))


def test_events_of_many_keys_come_in_the_order_of_their_commits(tmp_path: Path) -> None:
    keys = [f"key {i}" for i in range(8)]
    # The burst of the first key is taken in several rounds; those of the others lie between.
    writes = [{"kind": "set", "key": keys[0 if i % 3 else i % 8], "value": "x" * 1_000} for i in range(300)]
    with threaded(tmp_path) as server, Wire(server.port) as watcher, Wire(server.port) as writer:
        watcher.ask(*[{"kind": "subscribe", "key": key} for key in keys])
        writer.send(*writes)
        events = [watcher.line()["event"] for _ in writes]
    assert [event["revision"] for event in events] == list(range(1, 301))
    assert [event["key"] for event in events] == [write["key"] for write in writes]


def test_events_keep_their_order_between_the_replies_of_a_pipeline_with_refusals(tmp_path: Path) -> None:
    write, refused = {"kind": "set", "key": "a", "value": 1}, {"kind": "set", "key": "a", "value": 1, "if_version": 0}
    with threaded(tmp_path) as server, Wire(server.port) as client:
        client.ask({"kind": "subscribe", "key": "a"}, write)
        assert client.line()["kind"] == "event"
        client.send(*[write, refused, {"kind": "get", "key": "a"}] * 1_500)
        told = [client.line() for _ in range(4 * 1_500)]
    assert [line["event"]["version"] for line in told if line["kind"] == "event"] == list(range(2, 1_502))
    replies = [line.get("code", line["kind"]) for line in told if line["kind"] != "event"]
    assert replies == ["ok", "version_conflict", "value"] * 1_500


def test_events_do_not_wait_for_a_snapshot_that_their_connection_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Asked[int] = Asked()
    with threaded(tmp_path) as server, Wire(server.port) as client, Wire(server.port) as writer:
        monkeypatch.setattr(server.engine.snapshots, "ask", lambda: asked)
        client.ask({"kind": "subscribe", "key": "a"})
        client.send({"kind": "snapshot"}, {"kind": "get", "key": "a"})
        writer.ask({"kind": "set", "key": "a", "value": 1})
        assert client.line()["kind"] == "event"
        asked.set_result(1)
        assert [client.line()["kind"] for _ in range(2)] == ["ok", "value"]


def test_no_event_comes_behind_the_answer_to_unsubscribe(tmp_path: Path) -> None:
    with threaded(tmp_path) as server, Wire(server.port) as client:
        client.ask({"kind": "subscribe", "key": "a"}, {"kind": "unsubscribe", "key": "a"})
        client.ask({"kind": "set", "key": "a", "value": 1})
        assert client.ask({"kind": "ping"}) == [{"kind": "pong"}]
        assert server.engine.notify.subscribers == 0


def test_to_subscribe_and_unsubscribe_again_and_again_leaves_nothing_behind(tmp_path: Path) -> None:
    with threaded(tmp_path) as server, Wire(server.port) as client, Wire(server.port) as other:
        other.ask({"kind": "subscribe", "key": "a"})
        for _ in range(300):
            client.ask({"kind": "subscribe", "key": "a"}, {"kind": "unsubscribe", "key": "a"})
        (feed,) = server.engine.notify.dispatcher.all_feeds()
        assert len(feed.subscribers) == 1
        assert sum(map(len, feed.tasks.values())) < 100


def test_a_write_from_a_thread_of_the_process_is_told_too(tmp_path: Path) -> None:
    with threaded(tmp_path) as server, Wire(server.port) as client:
        client.ask({"kind": "subscribe", "key": "a"})
        server.engine.set("a", b"1")
        assert client.line()["event"]["new"] == 1


@pytest.mark.guarantee(8)
def test_g8_who_reads_nothing_is_evicted_and_told_and_gets_its_replies(tmp_path: Path) -> None:
    limits = Limits(subscriber_events_max=50)
    server_limits = ServerLimits(send_buffer_bytes=16 * 1024, drain_seconds=1)
    with (
        threaded(tmp_path, server_limits, limits=limits) as server,
        Wire(server.port, receive_bytes=16 * 1024) as slow,
        Wire(server.port) as fast,
        Wire(server.port) as writer,
    ):
        seen: list[int] = []
        reader = threading.Thread(target=lambda: seen.extend(fast.line()["event"]["version"] for _ in range(1_000)))
        slow.ask({"kind": "subscribe", "key": "a"})
        fast.ask({"kind": "subscribe", "key": "a"})
        reader.start()
        for i in range(1_000):
            writer.ask({"kind": "set", "key": "a", "value": "x" * 2_000 + str(i)})
            while reader.is_alive() and i - len(seen) > 25:
                time.sleep(0.001)  # else who reads all would fall behind, too, on a busy machine
        reader.join(60)
        assert seen == list(range(1, 1_001))
        server.until(lambda: server.engine.notify.evictions == 1)
        slow.send({"kind": "get", "key": "a", "id": "mine"}, {"kind": "set", "key": "z", "value": 1, "id": "set"})
        told = [slow.line()]
        while not {"evicted", "ok"} <= {line["kind"] for line in told}:
            told.append(slow.line())
        kinds = [line["kind"] for line in told]
        assert kinds.count("evicted") == 1
        assert [line["id"] for line in told if "id" in line] == ["mine", "set"]
        events = [line["event"]["revision"] for line in told if line["kind"] == "event"]
        (evicted,) = [line for line in told if line["kind"] == "evicted"]
        assert evicted == {"kind": "evicted", "key": "a", "last_revision": events[-1]}
        assert events == list(range(1, len(events) + 1))
        assert slow.ask({"kind": "subscribe", "key": "a"})[0]["kind"] == "subscribed"
        writer.ask({"kind": "set", "key": "a", "value": 1})
        assert slow.line()["event"]["version"] == 1_001


@pytest.mark.guarantee(8)
def test_g8_stalled_subscribers_share_one_bounded_feed(tmp_path: Path) -> None:
    server_limits = ServerLimits(send_buffer_bytes=8 * 1024, drain_seconds=1)
    with threaded(tmp_path, server_limits) as server, Wire(server.port) as writer:
        stalled = [Wire(server.port, receive_bytes=8 * 1024) for _ in range(50)]
        for client in stalled:
            client.ask({"kind": "subscribe", "key": "a"})
        for i in range(1_500):
            writer.ask({"kind": "set", "key": "a", "value": "x" * 1_000 + str(i)})
        server.until(lambda: server.engine.notify.evictions == 50)
        assert server.call(server.server.totals)["output_bytes"] < 50 * 256 * 1024
        assert server.engine.notify.subscribers == 0
        for client in stalled:
            client.close()


@pytest.mark.guarantee(8)
@pytest.mark.guarantee(11)
def test_g11_a_stuck_client_of_600_keys_costs_no_more_than_its_bound_and_its_neighbour_nothing(tmp_path: Path) -> None:
    bound, value = 256 * 1024, "x" * 10_000
    server_limits = ServerLimits(client_event_bytes_max=bound, send_buffer_bytes=8 * 1024, drain_seconds=1)
    keys = [f"key {i}" for i in range(600)]
    with (
        threaded(tmp_path, server_limits, limits=Limits(subscriber_bytes_max=bound)) as server,
        Wire(server.port, receive_bytes=8 * 1024) as stuck,
        Wire(server.port) as healthy,
        Wire(server.port) as writer,
    ):
        for client in (stuck, healthy):
            client.ask(*[{"kind": "subscribe", "key": key} for key in keys])
        held = []
        for key in keys * 2:
            writer.ask({"kind": "set", "key": key, "value": value})
            assert healthy.line()["event"]["key"] == key
            held.append(server.engine.notify.queued_bytes)
        assert bound // 2 < max(held) < bound + 3 * len(value), "what waits, and one event of the other"
        assert healthy.ask({"kind": "ping"}) == [{"kind": "pong"}]
        told = [stuck.line()]
        while told[-1]["kind"] == "event":
            told.append(stuck.line())
        assert told[-1]["kind"] == "evicted"
        server.until(lambda: server.engine.notify.queued_bytes <= bound)


def test_what_waits_in_queues_counts_as_unread(tmp_path: Path) -> None:
    server_limits = ServerLimits(unread_bytes_max=1 << 20, send_buffer_bytes=8 * 1024, drain_seconds=1)
    with (
        threaded(tmp_path, server_limits, limits=Limits(value_bytes_max=100_000, page_bytes_max=100_000)) as server,
        Wire(server.port, receive_bytes=8 * 1024) as stuck,
        Wire(server.port) as writer,
    ):
        keys = [f"key {i}" for i in range(60)]
        stuck.ask(*[{"kind": "subscribe", "key": key} for key in keys])
        for key in keys:
            writer.ask({"kind": "set", "key": key, "value": "x" * 30_000})
        server.until(lambda: server.engine.notify.queued_bytes < 1 << 20)
        assert server.engine.notify.evictions > 0
        assert server.server.connections == 2, "queues are evicted before clients are cut off"


@pytest.mark.guarantee(8)
def test_g8_who_reads_nothing_is_evicted_while_it_has_no_room_for_what_it_took(tmp_path: Path) -> None:
    server_limits = ServerLimits(send_buffer_bytes=8 * 1024, drain_seconds=1)
    with (
        threaded(tmp_path, server_limits) as server,
        Wire(server.port) as writer,
        Wire(server.port, receive_bytes=8 * 1024) as slow,
    ):
        slow.ask({"kind": "subscribe", "key": "a"})
        for i in range(10):
            writer.ask({"kind": "set", "key": "a", "value": "x" * 500_000 + str(i)})
        server.until(lambda: server.server.subscribers == 0)
        told = [slow.line()]
        while told[-1]["kind"] == "event":
            told.append(slow.line())
        events = [line["event"]["revision"] for line in told[:-1]]
        assert events == list(range(1, len(events) + 1))
        assert told[-1] == {"kind": "evicted", "key": "a", "last_revision": events[-1]}


def test_who_was_evicted_hears_of_it_before_it_is_subscribed_anew(tmp_path: Path) -> None:
    with threaded(tmp_path) as server, Wire(server.port) as client:
        client.ask({"kind": "subscribe", "key": "a"}, {"kind": "set", "key": "a", "value": 1})
        assert client.line()["kind"] == "event"
        dispatcher = server.engine.notify.dispatcher
        with dispatcher.lock:  # and nobody is woken
            (feed,) = dispatcher.all_feeds()
            dispatcher.evict(list(feed.subscribers))
        assert client.ask({"kind": "subscribe", "key": "a"}, {"kind": "ping"}) == [
            {"kind": "evicted", "key": "a", "last_revision": 1},
            {"kind": "subscribed", "key": "a", "revision": 1},
        ]
        assert client.line() == {"kind": "pong"}


def test_g8_who_was_sent_nothing_is_evicted_at_the_revision_of_its_subscription(tmp_path: Path) -> None:
    with threaded(tmp_path) as server, Wire(server.port) as client:
        client.ask({"kind": "set", "key": "b", "value": 1}, {"kind": "subscribe", "key": "a"})
        dispatcher = server.engine.notify.dispatcher
        with dispatcher.lock:
            (feed,) = dispatcher.all_feeds()
            dispatcher.evict(list(feed.subscribers))
        assert client.ask({"kind": "subscribe", "key": "a"})[0] == {"kind": "evicted", "key": "a", "last_revision": 1}
        assert client.line() == {"kind": "subscribed", "key": "a", "revision": 1}


def test_a_dropped_connection_frees_its_subscriptions(tmp_path: Path) -> None:
    with threaded(tmp_path) as server:
        with Wire(server.port) as client:
            client.ask(*[{"kind": "subscribe", "key": f"k{i}"} for i in range(100)])
            assert server.engine.notify.subscribers == 100
        server.until(lambda: server.engine.notify.subscribers == 0)
        assert server.engine.notify.dispatcher.feeds == {}


def test_large_events_come_whole_to_readers_of_any_pace_and_replies_in_between(tmp_path: Path) -> None:
    limits = Limits(subscriber_bytes_max=1 << 30, queued_event_bytes_max=1 << 30)
    server_limits = ServerLimits(client_event_bytes_max=1 << 30, send_buffer_bytes=8 * 1024, drain_seconds=1)
    count, value = 12, "x" * 100_000
    with threaded(tmp_path, server_limits, limits=limits) as server, Wire(server.port) as writer:
        clients = [Wire(server.port, receive_bytes=8 * 1024) for _ in range(6)]
        for client in clients:
            client.ask({"kind": "subscribe", "key": "a"})
        for i in range(count):
            writer.ask({"kind": "set", "key": "a", "value": value + str(i)})
            clients[i % 4].send({"kind": "ping", "id": i})
            if i == 6:
                clients.pop().close()  # in the middle of a line that the others have, too
        for number, client in enumerate(clients):
            asked = [i for i in range(count) if i % 4 == number]
            told = [client.line() for _ in range(count + len(asked))]
            events = [line["event"] for line in told if line["kind"] == "event"]
            assert [event["version"] for event in events] == list(range(1, count + 1))
            assert [event["new"] for event in events] == [value + str(i) for i in range(count)]
            assert [line["id"] for line in told if line["kind"] == "pong"] == asked
        for client in clients:
            client.close()


def test_a_writer_with_requests_always_in_flight_gets_its_own_large_events(tmp_path: Path) -> None:
    limits = Limits(subscriber_bytes_max=1 << 30, queued_event_bytes_max=1 << 30)
    server_limits = ServerLimits(client_event_bytes_max=1 << 30, drain_seconds=1)
    with threaded(tmp_path, server_limits, limits=limits) as server, Wire(server.port) as client:
        client.ask({"kind": "subscribe", "key": "a"})
        events = 0
        client.send(*[{"kind": "set", "key": "a", "value": "x" * 30_000}] * 4)
        while events < 200:
            line = client.line()
            assert line["kind"] in ("ok", "event"), line
            events += line["kind"] == "event"
            if line["kind"] == "ok" and line["version"] <= 196:
                client.send({"kind": "set", "key": "a", "value": "x" * 30_000})
