"""KEYS, SCAN, COUNT, INCREMENT, BATCH, dump and load of ``fluxdb-client``, against a server in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fluxdb
from fluxdb.cli import exits
from tests.net.wire import Process, clean_environment

Done = subprocess.CompletedProcess[str]
Client = Callable[..., Done]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("data")
    with Process("--port", "0", "--data-dir", str(folder), "--batch-operations-max", "100") as server:
        yield server


@pytest.fixture
def db(server: Process) -> Iterator[fluxdb.FluxDB]:
    with fluxdb.open(f"fluxdb://127.0.0.1:{server.port}") as db:
        for key in list(db.keys()):
            db.delete(key)
        yield db


@pytest.fixture
def client(server: Process) -> Client:
    def run(*arguments: str, stdin: str = "") -> Done:
        command = [sys.executable, "-m", "fluxdb.cli.client.main", "--addr", f"127.0.0.1:{server.port}", *arguments]
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=60, env=clean_environment(), check=False
        )

    return run


def test_a_range_is_printed_in_order_and_as_the_wire_has_it(db: fluxdb.FluxDB, client: Client) -> None:
    for number in range(4):
        db.set(f"user:{number}", {"n": number})
    db.set("other", 1)
    assert client("keys", "user:", "--limit", "3").stdout == "user:0\nuser:1\nuser:2\n"
    assert client("count").stdout == "5\n"
    shown = client("scan", "--reverse", "--after", "user:3", "--start", "user:1").stdout.splitlines()
    assert shown == [
        f'user:2: Document {{ value: {{"n":2}}, version: {version(db, "user:2")} }}',
        f'user:1: Document {{ value: {{"n":1}}, version: {version(db, "user:1")} }}',
    ]
    page = json.loads(client("scan", "--json", "--limit", "1", "user:").stdout)
    assert page["kind"] == "page" and page["more"] is True
    assert page["entries"] == [{"key": "user:0", "value": {"n": 0}, "version": version(db, "user:0")}]
    assert json.loads(client("count", "--json", "user:").stdout)["count"] == 4


def version(db: fluxdb.FluxDB, key: str) -> int:
    found = db.get(key)
    assert found is not None
    return found.version


def test_a_number_is_incremented(db: fluxdb.FluxDB, client: Client) -> None:
    db.set("user", {"logins": 1})
    assert client("increment", "user", "--path", "/logins", "--", "-3").stdout.startswith("ok, -2, version ")
    assert json.loads(client("increment", "--json", "hits").stdout)["value"] == 1
    done = client("increment", "user")
    assert (done.returncode, done.stdout) == (exits.REFUSED, "")
    assert done.stderr.startswith("error: ")


@pytest.mark.guarantee(4)
def test_g4_a_batch_from_stdin_is_written_whole_or_not_at_all(db: fluxdb.FluxDB, client: Client) -> None:
    done = client("batch", stdin='CHECK order MISSING\nSET order {"paid": true}\n\nINCREMENT orders\n# done\n')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ok, revision ")
    assert db.get("order").value == {"paid": True}  # type: ignore[union-attr]
    again = client("batch", stdin="SET other 1\nCHECK order MISSING\n")
    assert (again.returncode, again.stdout) == (exits.REFUSED, "")
    assert "version conflict" in again.stderr
    wrong = client("batch", stdin="SET other 1\nGET order\n")
    assert (wrong.returncode, wrong.stdout) == (exits.USAGE, "")
    assert "line 2: a batch takes SET, PATCH, DELETE, INCREMENT and CHECK" in wrong.stderr
    assert client("batch", stdin="SET other {\n").returncode == exits.USAGE
    told = client("batch", "--json", stdin="SET other 1\nCHECK order MISSING\n")
    assert told.returncode == exits.REFUSED
    assert json.loads(told.stdout)["code"] == "version_conflict"
    assert db.get("other") is None


def test_a_dump_of_a_running_server_loads_into_another_and_into_a_folder(
    db: fluxdb.FluxDB, client: Client, tmp_path: Path
) -> None:
    values = {f"key {number:04}": {"n": number, "words": "é\u2028" * 3} for number in range(250)}
    for key, value in values.items():
        db.set(key, value)
    target = tmp_path / "dump.jsonl"
    done = client("dump", str(target))
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("dumped 250 documents at revision ")
    assert [json.loads(line)["key"] for line in target.read_bytes().splitlines()] == sorted(values)
    with Process("--port", "0", "--data-dir", str(tmp_path / "other")) as other:
        command = [sys.executable, "-m", "fluxdb.cli.client.main", "--addr", f"127.0.0.1:{other.port}"]
        loaded = subprocess.run(
            [*command, "load", str(target)], capture_output=True, text=True, timeout=60, env=clean_environment()
        )
        assert (loaded.returncode, loaded.stderr) == (0, "loaded 250 documents\n")
        with fluxdb.open(f"fluxdb://127.0.0.1:{other.port}") as there:
            assert {key: found.value for key, found in there.scan()} == values
    command = [sys.executable, "-m", "fluxdb.cli.fluxdb.main", "load", str(tmp_path / "folder"), str(target)]
    assert subprocess.run(command, capture_output=True, timeout=60, env=clean_environment()).returncode == 0
    with fluxdb.open(tmp_path / "folder") as folder:
        assert folder.count() == 250


def test_a_load_is_in_batches_that_the_server_takes_and_says_how_far_it_came(db: fluxdb.FluxDB, client: Client) -> None:
    """The server of these tests takes 100 operations in a batch."""
    lines = [json.dumps({"key": f"k{number:03}", "value": number}) for number in range(230)]
    assert client("load", "-", stdin="\n".join(lines)).stderr == "loaded 230 documents\n"
    assert db.count() == 230
    lines[150] = '{"key": "k150", "value": }'
    done = client("load", "-", stdin="\n".join(lines))
    assert done.returncode == exits.REFUSED
    first, second = done.stderr.splitlines()
    assert first == "the first 100 documents had been stored before this failed"
    assert second.startswith("error: line 151: ")


def test_a_dump_that_fails_leaves_the_file_as_it_was(client: Client, tmp_path: Path) -> None:
    target = tmp_path / "dump.jsonl"
    target.write_text("before")
    command = [sys.executable, "-m", "fluxdb.cli.client.main", "--addr", "127.0.0.1:1", "dump", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean_environment(), check=False)
    assert done.returncode == exits.NO_CONNECTION
    assert (target.read_text(), [path.name for path in tmp_path.iterdir()]) == ("before", ["dump.jsonl"])
