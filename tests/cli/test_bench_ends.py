"""``fluxdb-bench``: how it ends, and what it leaves behind."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner

import fluxdb
from fluxdb.bench.in_process import _Crew
from fluxdb.cli.bench.main import main
from tests.cli.bench_program import COMMAND, PATIENCE_SECONDS, Bench, bench_in, rows
from tests.cli.conftest import environment
from tests.net.wire import Process
from tests.support.small_redis import SmallRedis


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return bench_in(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--writes", "0"), "--writes"),
        (("--concurrency", "0"), "--concurrency"),
        (("--threads", "--network"), "--threads"),
        (("--pipeline", "2"), "--pipeline"),
        (("--protocol", "resp"), "--addr"),
        (("--protocol", "resp", "--network"), "--addr"),
        (("--protocol", "resp", "--addr", "127.0.0.1:1", "--patches", "1"), "PATCH"),
        (("--addr", "127.0.0.1:1", "--data-dir", "x"), "--data-dir"),
        (("--addr", "fluxdbs://127.0.0.1:1"), "TLS"),
        (("--addr", "127.0.0.1:port"), "--addr"),
        (("--addr", "fluxdb://:secret@127.0.0.1:1"), "FLUXDB_PASSWORD"),
        (("--network", "--pipeline", "1000000"), "in flight"),
        (("--bogus",), "--bogus"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(main, arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_told_with_its_address(bench: Bench) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        ended = bench("--addr", address)
    assert (ended.code, ended.out) == (3, "")
    assert f"can't connect to {address}: Connection refused" in ended.err
    assert ended.err.count("\n") == 1


def test_a_server_that_says_nothing_is_given_up(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ended = bench("--addr", f"127.0.0.1:{silent.getsockname()[1]}", "--timeout", "0.3")
    assert ended.code == 3
    assert "did not answer for 0.3 s" in ended.err


def test_a_server_of_another_protocol_is_told(bench: Bench, tmp_path: Path) -> None:
    with SmallRedis() as redis:
        redis.answer = lambda words: b"-ERR unknown command\r\n"  # type: ignore[method-assign]
        with Process("--port", "0", "--data-dir", str(tmp_path / "data")) as server:
            ended = bench("--addr", f"127.0.0.1:{server.port}", "--protocol", "resp")
    assert ended.code == 3
    assert "speaks another protocol; it said" in ended.err
    assert "Traceback" not in ended.err


def test_a_server_that_takes_no_more_connections_says_so(bench: Bench, tmp_path: Path) -> None:
    with Process("--port", "0", "--data-dir", str(tmp_path / "data"), "--connections-max", "3") as server:
        ended = bench("--addr", f"127.0.0.1:{server.port}", "--concurrency", "4")
    assert (ended.code, ended.out) == (1, "")
    assert "connections" in ended.err
    assert "Traceback" not in ended.err


def test_a_folder_in_use_is_no_place_to_measure(bench: Bench, tmp_path: Path) -> None:
    with fluxdb.open(tmp_path / "data"):
        for mode in ((), ("--threads",)):
            ended = bench("--writes", "1", "--data-dir", "data", *mode)
            assert (ended.code, ended.out) == (5, "")
            assert "is open in process" in ended.err
        ended = bench("--writes", "1", "--data-dir", "data", "--network")
        assert (ended.code, ended.out) == (3, "")
        assert "the server did not start: " in ended.err
        assert "is open in process" in ended.err


@pytest.mark.parametrize("mode", [(), ("--threads",), ("--network",)])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_nothing_is_left(tmp_path: Path, mode: tuple[str, ...], number: int, code: int) -> None:
    # As many writes as take for ever, to fewer keys; what was measured before them is printed.
    process = subprocess.Popen(
        [*COMMAND, "--writes", "1000000000", "--keys", "10", "--concurrency", "3", *mode],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    assert process.stderr is not None
    try:
        assert process.stderr.readline()  # its title: the target is open
        time.sleep(0.3)
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == code
    assert "Traceback" not in errors.decode()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="NOT RUN: needs a tmpfs at /dev/shm")
def test_a_folder_in_memory_is_warned_of(bench: Bench) -> None:
    folder = Path("/dev/shm") / f"fluxdb-test-bench-{time.monotonic_ns()}"
    try:
        ended = bench("--writes", "10", "--data-dir", folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert rows(ended) == ["SET"]
    assert f"warning: {folder} is on tmpfs, in memory: a sync costs nothing there" in ended.err


@pytest.mark.parametrize(("option", "operation"), [("--writes", "SET"), ("--reads", "GET")])
@pytest.mark.parametrize("mode", [[], ["--threads"], ["--network"]])
def test_a_bar_is_drawn_on_a_terminal(tmp_path: Path, mode: list[str], option: str, operation: str) -> None:
    child = pexpect.spawn(
        COMMAND[0],
        [*COMMAND[1:], option, "1000000000", "--keys", "10", *mode],
        env=environment(tmp_path, TERM="xterm-256color"),
        cwd=str(tmp_path),
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
    )
    try:
        child.expect(operation + r" +\[-+\] +0%")
        child.sendintr()
        child.expect(pexpect.EOF)
        assert child.before.endswith("\r\x1b[2K\x1b[?25h")  # the bar is gone, the cursor back
        child.wait()
    finally:
        child.close(force=True)
    assert child.exitstatus == 130
    assert list(tmp_path.iterdir()) == []


def test_a_row_is_printed_as_soon_as_it_is_measured(tmp_path: Path) -> None:
    child = pexpect.spawn(
        COMMAND[0],
        [*COMMAND[1:], "--writes", "10", "--reads", "1000000000", "--keys", "10"],
        env=environment(tmp_path, TERM="xterm-256color"),
        cwd=str(tmp_path),
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
    )
    try:
        child.expect(r"operation +throughput.*SET +[\d,]+ op/s.*GET +\[")
        child.sendintr()
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)


def test_threads_begin_together_so_that_each_is_there_before_the_clock_starts() -> None:
    started, together = threading.active_count(), list[int]()

    def call(number: int) -> None:
        together.append(threading.active_count())

    crew = _Crew(call, 200, 50)
    assert crew.run(None) > 0
    assert together[0] == started + 50
    assert sum(each.count for each in crew.latencies) == 200
