"""The live page's WebSocket: the forms of its messages, and that nothing is altered on the way."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidHandshake

from fluxdb.errors import FluxDBError
from fluxdb.limits import DEFAULT_LIMITS, Limits, WebLimits
from fluxdb.net.web.server import start_web
from tests.net import web_client
from tests.net.web_client import Site, ask, ask_text, run, serving
from tests.support.loops import run_on

LARGEST = 2**64 - 1


def test_the_forms_of_requests_and_answers(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            assert await ask(socket, type="get", key="a") == {
                "type": "get_response",
                "key": "a",
                "data": {"kind": "value", "doc": None},
            }
            assert await ask(socket, type="set", key="a", value={"x": 1}, id=7) == {
                "type": "set_response",
                "key": "a",
                "data": {"kind": "ok", "version": 1, "revision": 1},
                "id": 7,
            }
            assert (await ask(socket, type="patch", key="a", delta={"y": None}, id="p"))["data"]["version"] == 2
            assert (await ask(socket, type="get", key="a"))["data"] == {
                "kind": "value",
                "doc": {"value": {"x": 1, "y": None}, "version": 2},
            }
            await ask(socket, type="patch", key="a", delta={"y": None}, remove_nulls=True)
            assert (await ask(socket, type="get", key="a"))["data"]["doc"]["value"] == {"x": 1}
            deleted = await ask(socket, type="delete", key="a")
            assert deleted == {
                "type": "delete_response",
                "key": "a",
                "data": {"kind": "ok", "version": 4, "revision": 4},
            }
            again = await ask(socket, type="del", key="a")
            assert again == {"type": "delete_response", "key": "a", "data": {"kind": "ok", "deleted": False}}

    run(tmp_path, test)


def test_info_tells_what_the_database_holds_and_takes(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            await ask(socket, type="set", key="a", value=1)
            answer = await ask(socket, type="info", id=1)
            assert (answer["type"], answer["id"], answer["data"]["kind"]) == ("info_response", 1, "info")
            info = answer["data"]["info"]
            assert (info["keys"], info["revision"]) == (1, 1)
            assert info["disk_bytes"] > 0
            assert info["memory_bytes"] > 0

    run(tmp_path, test)


@pytest.mark.parametrize("path", ["", "ws"])
def test_a_subscriber_is_told_from_the_acknowledgement_on(tmp_path: Path, path: str) -> None:
    async def test(site: Site) -> None:
        async with site.connect(path) as watcher, site.connect(path) as writer:
            subscribed = await ask(watcher, type="subscribe", key="a")
            assert subscribed == {"type": "subscribe_response", "key": "a", "data": {"kind": "subscribed", "key": "a"}}
            await ask(writer, type="set", key="a", value=1)
            await ask(writer, type="set", key="other", value=1)
            await ask(writer, type="delete", key="a")
            first, second = json.loads(await watcher.recv()), json.loads(await watcher.recv())
            event = {"key": "a", "old": None, "new": 1, "version": 1, "op": "set", "revision": 1}
            assert first == {"type": "event", "data": {"kind": "event", "event": event, **event}}
            assert second["data"]["event"]["op"] == "delete"
            assert second["data"]["op"] == "delete"
            assert second["data"]["new"] is None
            assert site.web.subscribers == 1
            assert (await ask(watcher, type="unsubscribe", key="a"))["data"] == {"kind": "ok"}
            assert site.web.subscribers == 0
            await ask(writer, type="set", key="a", value=2)
            assert (await ask(watcher, type="get", key="a"))["type"] == "get_response"  # no event before it

    run(tmp_path, test)


def test_events_of_many_keys_come_in_the_order_of_their_commits(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        keys = [f"key {number}" for number in range(20)]
        async with site.connect() as watcher:
            for key in keys:
                await ask(watcher, type="subscribe", key=key)
            for _ in range(5):
                writes = [site.engine.set(keys[number * 7 % 20], b"%d" % number) for number in range(100)]
                await asyncio.gather(*(asyncio.ensure_future(write) for write in writes))
            told = [json.loads(await watcher.recv())["data"] for _ in range(500)]
        assert [event["revision"] for event in told] == list(range(1, 501))

    run(tmp_path, test)


def test_of_a_page_that_reads_nothing_the_longest_queues_are_evicted_and_it_is_told(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        keys = [f"key {number}" for number in range(30)]
        async with site.connect(max_queue=1) as stuck:
            for key in keys:
                await ask(stuck, type="subscribe", key=key)
            for _ in range(3):
                for key in keys:
                    await site.engine.set(key, b'"' + b"x" * 50_000 + b'"')
            info = await site.engine.info()
            assert 0 < info["queued_event_bytes"] < 700_000
            assert info["subscriber_evictions"] > 0
            while (told := json.loads(await stuck.recv()))["type"] == "event":
                pass
            assert told["type"] == "evicted"

    limits = WebLimits(client_event_bytes_max=500_000, output_bytes_max=16_384, send_buffer_bytes=16_384)
    run(tmp_path, test, limits=limits, engine_limits=Limits(subscriber_bytes_max=500_000))


@pytest.mark.parametrize(
    "text",
    [str(LARGEST), str(-(2**63)), "1.0", "1e2", "null", '""', '"\\\\ \\" \\n €"', '{"":[1.50,{}],"a":0.1}', "[]"],
)
def test_g12_a_value_comes_back_as_it_was_sent(tmp_path: Path, text: str) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            await ask_text(socket, '{"type":"subscribe","key":"k"}')
            await socket.send(f' {{ "type" : "set" , "value" : {text} , "key" : "k" }} ')
            replies = sorted([await socket.recv(), await socket.recv()], key=str)
            assert str(replies[0]).count(f'"new":{text},"version":1') == 2
            got = await ask_text(socket, '{"type":"get","key":"k"}')
            assert f'"doc":{{"value":{text},"version":1}}' in got

    run(tmp_path, test)


def no_json(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"type":"set","key":"k","value":18446744073709551616}', "invalid_value"),
        ('{"type":"set","key":"k","value":NaN}', "invalid_request"),
        ('{"type":"get","key":"k","id":NaN}', "invalid_request"),
        ('{"type":"get","key":"k","id":-Infinity}', "invalid_request"),
        ('{"type":"get","key":"k","more":[Infinity]}', "invalid_request"),
        ('{"type":"set","key":"k","value":"\\ud800"}', "invalid_value"),
        ('{"type":"set","key":"","value":1}', "invalid_key"),
        ('{"type":"set","key":"\\ud800","value":1}', "invalid_key"),
        ('{"type":"subscribe","key":"\\ud800"}', "invalid_key"),
        ('{"type":"unsubscribe","key":"\\ud800"}', "invalid_key"),
        ('{"type":"\\ud800","key":"k"}', "invalid_request"),
        ('{"type":"set","key":1,"value":1}', "invalid_request"),
        ('{"type":"set","key":"k"}', "invalid_request"),
        ('{"type":"set","key":"k","value":1,"if_version":-1}', "invalid_request"),
        ('{"type":"set","key":"k","value":1,"if_version":1.0}', "invalid_request"),
        ('{"type":"set","key":"k","value":1,"if_version":9223372036854775808}', "invalid_request"),
        ('{"type":"patch","key":"k","delta":1,"if_version":18446744073709551615}', "invalid_request"),
        ('{"type":"delete","key":"k","if_version":18446744073709551616}', "invalid_request"),
        ('{"type":"set","key":"k","value":1,"id":[1]}', "invalid_request"),
        ('{"type":"get"}', "invalid_request"),
        ('{"type":"drop","key":"k"}', "invalid_request"),
        ('{"key":"k"}', "invalid_request"),
        ('{"type":"get","key":"k"} x', "invalid_request"),
        ('{"type":"get","key":"k",}', "invalid_request"),
        ('\ufeff{"type":"get","key":"k"}', "invalid_request"),
        ("[]", "invalid_request"),
        ("", "invalid_request"),
        ("x", "invalid_request"),
    ],
)
def test_what_is_wrong_is_answered_and_the_connection_goes_on(tmp_path: Path, text: str, code: str) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            error = json.loads(await ask_text(socket, text), parse_constant=no_json)
            assert (error["type"], error["code"]) == ("error", code)
            assert error["message"]
            assert (await ask(socket, type="get", key="k"))["data"]["doc"] is None

    run(tmp_path, test)


def test_deep_nesting_is_refused_in_words(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            text = '{"type":"set","key":"k","value":' + "[" * 100_000 + "]" * 100_000 + "}"
            assert json.loads(await ask_text(socket, text))["type"] == "error"
            assert (await ask(socket, type="get", key="k"))["data"]["doc"] is None

    run(tmp_path, test)


def test_each_message_is_counted_by_the_kind_that_the_wire_calls_it(tmp_path: Path) -> None:
    counted: list[tuple[str, bool]] = []

    async def test(site: Site) -> None:
        async with site.connect() as socket:
            for kind in ("set", "get", "patch", "delete", "subscribe", "unsubscribe"):
                await ask(socket, type=kind, key="k", value=1, delta=1)
            await ask(socket, type="auth", password="")
            await ask(socket, type="set", key="k")
            await ask(socket, type="delete", key="k", if_version=5)
            await ask(socket, type="drop", key="k")
            await ask_text(socket, "x")

    run(tmp_path, test, DEFAULT_LIMITS, count=lambda kind, refused: counted.append((kind, refused)))
    answered = ["set", "get", "patch", "del", "subscribe", "unsubscribe", "auth"]
    refused = ["set", "del", "invalid", "invalid"]
    assert counted == [*((kind, False) for kind in answered), *((kind, True) for kind in refused)]


def test_a_condition_that_does_not_hold_says_what_the_version_is(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            assert (await ask(socket, type="set", key="k", value=1, if_version=0))["data"]["version"] == 1
            error = await ask(socket, type="set", key="k", value=2, if_version=0, id=3)
            assert (error["code"], error["expected"], error["actual"], error["id"]) == ("version_conflict", 0, 1, 3)
            assert (await ask(socket, type="patch", key="k", delta=2, if_version=1))["data"]["version"] == 2
            assert (await ask(socket, type="delete", key="k", if_version=1))["code"] == "version_conflict"

    run(tmp_path, test)


def test_the_highest_version_that_a_condition_can_name_is_compared(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            await ask(socket, type="subscribe", key="k")
            error = await ask(socket, type="set", key="k", value=1, if_version=2**63 - 1)
            assert (error["code"], error["expected"], error["actual"]) == ("version_conflict", 2**63 - 1, 0)
            assert str(2**63 - 1) in (await ask(socket, type="set", key="k", value=1, if_version=2**63))["message"]
            assert site.web.subscribers == 1

    run(tmp_path, test)


def test_g3_counters_of_many_connections_lose_no_click(tmp_path: Path) -> None:
    async def click(site: Site, times: int) -> None:
        async with site.connect() as socket:
            for _ in range(times):
                while True:
                    doc = (await ask(socket, type="get", key="n"))["data"]["doc"] or {"value": 0, "version": 0}
                    reply = await ask(socket, type="set", key="n", value=doc["value"] + 1, if_version=doc["version"])
                    if reply["type"] == "set_response":
                        break

    async def test(site: Site) -> None:
        await asyncio.gather(*(click(site, 20) for _ in range(5)))
        assert await site.engine.get_text("n") == (b"100", 100)

    run(tmp_path, test)


def test_closing_the_server_tells_its_clients_and_leaves_nothing(tmp_path: Path) -> None:
    async def within() -> None:
        async with serving(tmp_path) as site:
            socket = await site.connect()
            await ask(socket, type="subscribe", key="a")
            await site.web.close()
            await asyncio.wait_for(socket.wait_closed(), 10)
            assert socket.close_code == 1001
            assert (site.web.connections, site.web.subscribers) == (0, 0)
            assert (await site.engine.info())["subscribers"] == 0

    run_on(web_client.loop_kind, within())


def test_closing_the_server_answers_the_request_that_is_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(site: Site) -> None:
        written, answered = asyncio.Event(), asyncio.Event()
        real_set = site.engine.set

        async def held_set(*arguments: Any) -> Any:
            outcome = await real_set(*arguments)
            written.set()
            await answered.wait()
            return outcome

        monkeypatch.setattr(site.engine, "set", held_set)
        async with site.connect() as socket:
            await socket.send('{"type":"set","key":"a","value":1}')
            await written.wait()
            closing = asyncio.create_task(site.web.close())
            with pytest.raises((OSError, InvalidHandshake)):  # uvloop takes one more, and drops it
                while True:
                    await (await site.connect()).close()
            answered.set()
            assert json.loads(await socket.recv())["data"]["version"] == 1
            await closing
            assert socket.close_code == 1001

    run(tmp_path, test)


def test_closing_the_server_waits_no_longer_than_it_is_told_for_a_request_that_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(site: Site) -> None:
        begun = asyncio.Event()

        async def endless_set(*_: Any) -> Any:
            begun.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(site.engine, "set", endless_set)
        socket = await site.connect()
        await socket.send('{"type":"set","key":"a","value":1}')
        await begun.wait()
        await site.web.close(0.01)
        await socket.wait_closed()
        assert (site.web.connections, site.web.subscribers) == (0, 0)

    run(tmp_path, test)


def test_a_connection_that_ends_frees_its_subscriptions(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        socket = await site.connect()
        await ask(socket, type="subscribe", key="a")
        socket.transport.abort()
        for _ in range(1000):
            if (await site.engine.info())["subscribers"] == 0 and site.web.connections == 0:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the subscription is still there")

    run(tmp_path, test)


def test_g11_other_machines_are_not_let_in_without_a_password(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        with pytest.raises(FluxDBError, match="password"):
            await start_web(site.engine, "0.0.0.0", 0)

    run(tmp_path, test)
