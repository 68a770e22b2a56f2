"""The wire's kinds over the live page's WebSocket: pages of keys, many documents, counts, batches, increments."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from fluxdb.limits import Limits
from tests.net.web_client import Site, ask, ask_text, run

LARGEST = 2**63 - 1


async def fill(site: Site, *keys: str) -> None:
    for number, key in enumerate(keys):
        await site.engine.set(key, b'{"n":%d}' % number)


def test_a_path_gets_one_part_and_the_documents_version(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            await ask(socket, type="set", key="a", value={"list": [1, {"x": 1.50}]})
            text = await ask_text(socket, '{"type":"get","key":"a","path":"/list/1/x"}')
            assert text == '{"type":"get_response","key":"a","data":{"kind":"value","doc":{"value":1.5,"version":1}}}'
            assert (await ask(socket, type="get", key="a", path="/no"))["data"]["doc"] is None
            assert (await ask(socket, type="get", key="a", path="no"))["type"] == "error"

    run(tmp_path, test)


@pytest.mark.guarantee(13)
def test_g13_get_many_names_one_revision_and_keeps_the_order(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        await fill(site, "a", "b")
        async with site.connect() as socket:
            first, second = {"value": {"n": 0}, "version": 1}, {"value": {"n": 1}, "version": 1}
            assert await ask(socket, type="get_many", keys=["b", "none", "a", "b"], id=1) == {
                "type": "get_many_response",
                "data": {"kind": "values", "docs": [second, None, first, second], "revision": 2},
                "id": 1,
            }
            parts = await ask(socket, type="get_many", keys=["a", "b"], path="/n")
            assert [doc["value"] for doc in parts["data"]["docs"]] == [0, 1]

    run(tmp_path, test)


@pytest.mark.guarantee(13)
def test_g13_pages_in_key_order_forwards_and_backwards(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        await fill(site, "b:1", "a", "b:3", 'b:"é\n', "c", "b:2")
        async with site.connect() as socket:
            keys: list[str] = []
            asked: dict[str, Any] = {"type": "scan", "prefix": "b:", "limit": 2, "keys_only": True}
            while True:
                page = (await ask(socket, **asked))["data"]
                assert (page["kind"], page["revision"]) == ("page", 6)
                assert [sorted(entry) for entry in page["entries"]] == [["key"]] * len(page["entries"])
                keys += [entry["key"] for entry in page["entries"]]
                if not page["more"]:
                    break
                asked["after"] = keys[-1]
            assert keys == ['b:"é\n', "b:1", "b:2", "b:3"]
            back = (await ask(socket, type="scan", prefix="b:", after="b:3", reverse=True, limit=1))["data"]
            assert back["entries"] == [{"key": "b:2", "value": {"n": 5}, "version": 1}]
            assert back["more"] is True
            bounded = (await ask(socket, type="scan", start="b:2", end="c", prefix=None))["data"]
            assert [entry["key"] for entry in bounded["entries"]] == ["b:2", "b:3"]
            assert (await ask(socket, type="count", prefix="b:"))["data"] == {
                "kind": "count",
                "count": 4,
                "revision": 6,
            }
            assert (await ask(socket, type="count"))["data"]["count"] == 6

    run(tmp_path, test)


@pytest.mark.guarantee(11)
def test_g11_a_page_has_bounds_of_its_own(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        await fill(site, *(f"k{number:03}" for number in range(30)))
        async with site.connect() as socket:
            for limit in ({}, {"limit": 1_000_000}):
                page = (await ask(socket, type="scan", **limit))["data"]
                assert (len(page["entries"]), page["more"]) == (10, True)

    run(tmp_path, test, Limits(page_documents_max=10))


@pytest.mark.guarantee(4)
def test_g4_a_batch_takes_effect_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            operations: list[dict[str, Any]] = [
                {"kind": "check", "key": "a", "version": 0},
                {"kind": "set", "key": "a", "value": {"n": LARGEST}},
                {"kind": "patch", "key": "a", "delta": {"m": None}},
                {"kind": "increment", "key": "count", "by": -3},
                {"kind": "del", "key": "none"},
                {"kind": "check", "key": "a", "exists": True},
            ]
            assert (await ask(socket, type="batch", ops=operations, id="b")) == {
                "type": "batch_response",
                "data": {"kind": "ok", "versions": [None, 1, 2, 1, None, None], "revision": 3},
                "id": "b",
            }
            refused = await ask(socket, type="batch", ops=operations, id="c")
            assert (refused["type"], refused["code"], refused["id"]) == ("error", "version_conflict", "c")
            assert (refused["index"], refused["conflicts"]) == (
                0,
                [{"index": 0, "key": "a", "expected": 0, "actual": 2}],
            )
            assert (await ask(socket, type="get", key="a"))["data"]["doc"] == {
                "value": {"n": LARGEST, "m": None},
                "version": 2,
            }
            assert (await ask(socket, type="batch", ops=[]))["data"]["versions"] == []

    run(tmp_path, test)


def test_an_increment_answers_the_sum(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            assert (await ask(socket, type="increment", key="n"))["data"] == {
                "kind": "ok",
                "value": 1,
                "version": 1,
                "revision": 1,
            }
            assert (await ask(socket, type="increment", key="n", by=LARGEST - 1))["data"]["value"] == LARGEST
            assert (await ask(socket, type="increment", key="n"))["type"] == "error"
            await ask(socket, type="set", key="o", value={"deep": {"n": 5}})
            assert (await ask(socket, type="increment", key="o", by=-7, path="/deep/n"))["data"]["value"] == -2
            refused = await ask(socket, type="increment", key="n", if_version=1)
            assert (refused["code"], refused["actual"]) == ("version_conflict", 2)

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("request_text", "told"),
    [
        ('"type":"scan","limit":0', "limit is a whole number from 1"),
        ('"type":"scan","limit":1.0', "limit is a whole number from 1"),
        ('"type":"scan","prefix":1', "prefix is a string"),
        ('"type":"scan","after":"\\ud800"', "half a surrogate pair"),
        ('"type":"scan","reverse":1', "reverse is true or false"),
        ('"type":"get_many","keys":"a"', "keys is an array"),
        ('"type":"get_many","keys":["a",1]', "an item of keys is a string"),
        ('"type":"get_many","keys":[""]', "key"),
        ('"type":"get_many"', "no member keys"),
        ('"type":"increment","key":"a","by":"1"', "by is a whole number from -9223372036854775808"),
        ('"type":"increment","key":"a","by":9223372036854775808', "by is a whole number"),
        (
            '"type":"batch","ops":[{"kind":"set","key":"a","value":1},{"kind":"get","key":"a"}]',
            "operation 1 of the batch",
        ),
        ('"type":"batch","ops":[{"kind":"check","key":"a"}]', "either a version or exists"),
        ('"type":"batch","ops":[{"kind":"check","key":"a","version":1,"exists":true}]', "either a version or exists"),
        ('"type":"batch","ops":[[]]', "operation 0 of the batch: not a JSON object"),
        ('"type":"batch","ops":[{"kind":"set","value":1}]', "operation 0 of the batch: the request has no member key"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_done(tmp_path: Path, request_text: str, told: str) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            text = await ask_text(socket, "{" + request_text + "}")
            assert '"type":"error"' in text
            assert told in text
            assert (await ask(socket, type="count"))["data"] == {"kind": "count", "count": 0, "revision": 0}

    run(tmp_path, test)


def test_every_kind_is_counted_as_the_wire_counts_it(tmp_path: Path) -> None:
    counted: list[tuple[str, bool]] = []

    async def test(site: Site) -> None:
        async with site.connect() as socket:
            await ask(socket, type="scan")
            await ask(socket, type="count")
            await ask(socket, type="get_many", keys=[])
            await ask(socket, type="batch", ops=[])
            await ask(socket, type="increment", key="a")
            await ask(socket, type="increment", key="a", by=0.5)

    run(tmp_path, test, count=lambda kind, refused: counted.append((kind, refused)))
    kinds = ["scan", "count", "get_many", "batch", "increment", "increment"]
    assert counted == [(kind, number == 5) for number, kind in enumerate(kinds)]


def test_documents_expire_by_ttl_and_touch(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            await ask(socket, type="set", key="a", value=1, ttl=60)
            await ask(socket, type="set", key="b", value=1)
            await ask(socket, type="patch", key="b", delta={}, ttl=3600.5)
            assert (await ask(socket, type="touch", key="none", ttl=1))["data"] == {"kind": "ok", "touched": False}
            assert (await ask(socket, type="touch", key="a", ttl=7200))["data"]["version"] == 2
            page = (await ask(socket, type="scan"))["data"]["entries"]
            assert [round(entry["expires_at"] - time.time(), -2) for entry in page] == [7200, 3600]
            steps = [
                {"kind": "touch", "key": "a", "ttl": None},
                {"kind": "set", "key": "b", "value": 2, "keep_ttl": True},
            ]
            assert (await ask(socket, type="batch", ops=steps))["data"]["versions"] == [3, 3]
            page = (await ask(socket, type="scan"))["data"]["entries"]
            assert ["expires_at" in entry for entry in page] == [False, True]
            for ttl in (0, -1, "60", 1e11, True):
                assert (await ask(socket, type="set", key="a", value=1, ttl=ttl))["type"] == "error"
            assert (await ask(socket, type="set", key="a", value=1, ttl=1, keep_ttl=True))["type"] == "error"
            assert (await ask(socket, type="touch", key="a"))["type"] == "error"
            assert (await site.engine.get("a")) is not None

    run(tmp_path, test)
