"""``fluxdb-bench`` as a user runs it: what it measures, and what it prints."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import fluxdb
from tests.cli.bench_program import PATIENCE_SECONDS, Bench, bench_in, rows
from tests.net.wire import Process, Wire
from tests.support.small_redis import SmallRedis

FEW = ("--writes", "30", "--reads", "40", "--patches", "20", "--deletes", "25", "--mixed", "--concurrency", "5")
OPERATIONS = ["SET", "GET", "PATCH", "DELETE", "MIXED"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return bench_in(tmp_path)


@pytest.mark.parametrize("mode", [(), ("--threads",), ("--network",), ("--network", "--pipeline", "4")])
def test_the_table_has_a_row_for_each_operation_and_nothing_is_left(
    bench: Bench, tmp_path: Path, mode: tuple[str, ...]
) -> None:
    ended = bench(*FEW, *mode)
    assert rows(ended) == OPERATIONS
    assert re.search(r"durable .* \d+ groups of [\d.]+ writes on average, each synced", ended.err)
    assert list(tmp_path.iterdir()) == []
    assert "\x1b" not in ended.out + ended.err
    assert "\r" not in ended.out + ended.err


@pytest.mark.parametrize("mode", ["asyncio", "threads", "network"])
def test_json_says_how_many_and_how_long(bench: Bench, mode: str) -> None:
    ended = bench(*FEW, "--json", *([] if mode == "asyncio" else [f"--{mode}"]))
    told = json.loads(ended.out)
    assert ended.out.count("\n") == 1
    assert (told["settings"]["mode"], told["settings"]["concurrency"]) == (mode, 5)
    assert [row["operation"] for row in told["results"]] == OPERATIONS
    assert [row["operations"] for row in told["results"]] == [30, 40, 20, 25, 40]
    for row in told["results"]:
        assert row["errors"] == 0
        assert (row["groups"] > 0) == (row["mean_group"] > 0) == (row["operation"] != "GET")
        assert row["throughput"] == pytest.approx(row["operations"] / row["seconds"])
        assert 0 < row["p50_us"] <= row["p95_us"] <= row["p99_us"] <= row["max_us"]


def test_without_counts_all_is_measured(bench: Bench) -> None:
    ended = bench("--concurrency", "1", "--json")
    told = json.loads(ended.out)["results"]
    assert [(row["operation"], row["operations"]) for row in told] == [(name, 1000) for name in OPERATIONS]


def test_a_folder_that_is_named_keeps_the_documents(bench: Bench, tmp_path: Path) -> None:
    assert rows(bench("--writes", "30", "--keys", "7", "--data-dir", "mine")) == ["SET"]
    with fluxdb.open(tmp_path / "mine") as db:
        assert db.info()["keys"] == 7
        document = db.get("bench:6")
        assert document is not None
        assert (document.value, document.version) == ({"id": 27, "data": "benchmark data"}, 4)


def test_what_is_measured_over_the_network_is_there(bench: Bench, tmp_path: Path) -> None:
    with Process("--port", "0", "--data-dir", str(tmp_path / "data")) as server, Wire(server.port) as client:
        address = f"127.0.0.1:{server.port}"
        assert rows(bench("--addr", address, "--writes", "30", "--patches", "10", "--keys", "10")) == ["SET", "PATCH"]
        assert client.ask({"kind": "get", "key": "bench:9"})[0]["doc"] == {
            "value": {"id": 10, "data": "benchmark data"},
            "version": 4,
        }


def test_more_keys_than_are_built_at_once_are_all_written(bench: Bench, tmp_path: Path) -> None:
    with Process("--port", "0", "--data-dir", str(tmp_path / "data")) as server, Wire(server.port) as client:
        keys = ("--writes", "100040", "--keys", "100020", "--pipeline", "100")
        assert rows(bench("--addr", f"127.0.0.1:{server.port}", *keys)) == ["SET"]
        assert client.ask({"kind": "get", "key": "bench:19"})[0]["doc"]["version"] == 2
        assert client.ask({"kind": "get", "key": "bench:20"})[0]["doc"]["version"] == 1
        assert client.ask({"kind": "get", "key": "bench:100019"})[0]["doc"]["version"] == 1
        assert client.ask({"kind": "info"})[0]["info"]["keys"] == 100_020


def test_a_unix_socket_is_measured_too(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with Process("--port", "0", "--data-dir", str(tmp_path / "data"), "--unix", str(path)):
        assert rows(bench("--addr", f"fluxdb+unix://{path}", "--reads", "30")) == ["GET"]


def test_the_password_comes_from_a_file_or_the_environment(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    arguments = ("--port", "0", "--data-dir", str(tmp_path / "data"), "--password-file", str(tmp_path / "password"))
    with Process(*arguments) as server:
        command = ("--addr", f"127.0.0.1:{server.port}", "--writes", "10", "--concurrency", "2")
        assert rows(bench(*command, FLUXDB_PASSWORD="secret")) == ["SET"]
        assert rows(bench(*command, "--password-file", "password")) == ["SET"]
        for ended in (bench(*command), bench(*command, FLUXDB_PASSWORD="wrong")):
            assert (ended.code, ended.out) == (4, "")
            assert "password" in ended.err
            assert "Traceback" not in ended.err


# Other servers


def test_a_redis_is_measured_by_the_same_program(bench: Bench) -> None:
    with SmallRedis() as redis:
        counts = ("--writes", "30", "--reads", "40", "--deletes", "25", "--mixed", "--concurrency", "5")
        ended = bench("--addr", f"127.0.0.1:{redis.port}", "--protocol", "resp", *counts, "--pipeline", "3")
    assert rows(ended) == ["SET", "GET", "DELETE", "MIXED"]
    assert redis.commands.count(b"PING") == 5
    sent = {name: redis.commands.count(name) for name in (b"SET", b"GET", b"DEL")}
    assert sent == {b"SET": 30 + 40 + 20, b"GET": 40 + 10, b"DEL": 25 + 10}  # 30 are too few to read 40


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="NOT RUN: needs redis-server")
def test_a_real_redis_is_measured(bench: Bench, tmp_path: Path) -> None:
    with real_redis(tmp_path) as port:
        ended = bench("--addr", f"127.0.0.1:{port}", "--protocol", "resp", "--concurrency", "5")
    assert rows(ended) == ["SET", "GET", "DELETE", "MIXED"]


@contextlib.contextmanager
def real_redis(folder: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(PATIENCE_SECONDS * 20):
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def test_the_password_of_a_redis_is_its_own(bench: Bench) -> None:
    with SmallRedis(password="secret") as redis:
        command = ("--addr", f"127.0.0.1:{redis.port}", "--protocol", "resp", "--writes", "10", "--concurrency", "2")
        assert rows(bench(*command, REDISCLI_AUTH="secret")) == ["SET"]
        assert bench(*command, FLUXDB_PASSWORD="secret").code == 4
        ended = bench(*command, REDISCLI_AUTH="wrong")
        assert ended.code == 4
        assert "WRONGPASS" in ended.err


def test_refusals_are_counted_and_the_first_is_shown(bench: Bench) -> None:
    with SmallRedis(broken=(b"GET",)) as redis:
        ended = bench("--addr", f"127.0.0.1:{redis.port}", "--protocol", "resp", "--writes", "7", "--reads", "7")
    assert ended.code == 1
    assert "GET: 7 of 7 were refused; the first answer: -ERR it is broken" in ended.err
    assert [line.split()[0] for line in ended.out.splitlines()] == ["operation", "SET", "GET"]
