"""``fluxdb-client`` as a user's shell runs it: answers on stdout, words on stderr, exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fluxdb.cli import exits
from tests.client.test_faults import until
from tests.support.small_server import SmallServer

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60

Done = subprocess.CompletedProcess[str]
Client = Callable[..., Done]


def command(server: SmallServer, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "fluxdb.cli.client.main", "--addr", f"127.0.0.1:{server.port}", *arguments]


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/nonexistent", **more}


@contextlib.contextmanager
def ended(running: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Ended by then, whatever becomes of the test: a process that waits for ever must not hold it up."""
    watchdog = threading.Timer(PATIENCE_SECONDS, running.kill)
    watchdog.start()
    try:
        with running:
            try:
                yield running
            finally:
                running.kill()
    finally:
        watchdog.cancel()


@pytest.fixture
def client(server: SmallServer) -> Client:
    def run(*arguments: str, stdin: str = "", **variables: str) -> Done:
        return subprocess.run(
            command(server, *arguments),
            input=stdin,
            capture_output=True,
            text=True,
            env=environment(**variables),
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    return run


def test_each_command_answers_and_exits_0(client: Client) -> None:
    steps = [
        (("set", "user", '{"name": "v"}'), "ok, version 1\n"),
        (("patch", "user", '{"name": null, "age": -1}', "--remove-nulls"), "ok, version 2\n"),
        (("get", "user"), 'Document { value: {"age":-1}, version: 2 }\n'),
        (("set", "user", "-5", "--if-version", "2"), "ok, version 3\n"),
        (("del", "user"), "ok, version 4\n"),
        (("get", "user"), "nil\n"),
        (("ping",), "pong\n"),
        (("snapshot",), "ok, revision 4\n"),
    ]
    for arguments, answer in steps:
        done = client(*arguments)
        assert (done.returncode, done.stdout, done.stderr) == (exits.OK, answer, "")


def test_a_value_alone_is_for_pipes_and_a_missing_key_is_refused(client: Client) -> None:
    client("set", "user", '{"name": "v"}')
    done = client("get", "--value", "user")
    assert (done.returncode, done.stdout, done.stderr) == (exits.OK, '{"name":"v"}\n', "")
    done = client("get", "nobody", "--value")
    assert (done.returncode, done.stdout, done.stderr) == (exits.REFUSED, "", "error: no such key: nobody\n")
    assert client("get", "--value", "--json", "user").returncode == exits.USAGE


def test_json_prints_the_reply_of_the_server(client: Client) -> None:
    assert json.loads(client("set", "--json", "k", "1").stdout) == {"kind": "ok", "version": 1, "revision": 1}
    for arguments in (("get", "k", "--json"), ("get", "--json", "k"), ("--json", "get", "k")):
        assert client(*arguments).stdout == '{"kind":"value","doc":{"value":1,"version":1}}\n'
    refused = client("del", "k", "--if-version", "9", "--json")
    assert refused.returncode == exits.REFUSED
    assert json.loads(refused.stdout)["code"] == "version_conflict"
    assert client("--json", "shell").returncode == exits.USAGE


def test_exit_codes_say_what_went_wrong(client: Client, server: SmallServer) -> None:
    assert client("set", "k", "1", "--if-version", "7").returncode == exits.REFUSED
    assert client("set", "k", "123456789012345678901").returncode == exits.REFUSED
    assert client("set", "k").returncode == exits.USAGE
    assert client("--addr", "nonsense:port", "ping").returncode == exits.USAGE
    assert client("--addr", "http://127.0.0.1:7000", "ping").returncode == exits.USAGE
    assert client("--addr", f"FLUXDB://127.0.0.1:{server.port}", "ping").stdout == "pong\n"
    server.silent = True
    assert client("--timeout", "0.2", "ping").returncode == exits.NO_CONNECTION
    server.stop()
    refused = client("ping")
    assert (refused.returncode, refused.stdout) == (exits.NO_CONNECTION, "")
    assert "refused" in refused.stderr


@pytest.mark.parametrize("typed", [("{name:v}",), ("{name:", "v}")])
def test_json_that_the_shell_has_taken_the_quotes_from_is_told_how_to_type_it(
    client: Client, typed: tuple[str, ...]
) -> None:
    done = client("set", "user", *typed)
    assert done.returncode == exits.USAGE
    assert """set user '{"name": "v"}'""" in done.stderr


def test_what_is_not_understood_is_code_2_and_reaches_no_server(client: Client, server: SmallServer) -> None:
    for text, told in (("NaN", "NaN is not a JSON number"), ("", "empty"), ("{'x':1}", "expected a string key")):
        for arguments in (("set", "k", text), ("--json", "patch", "k", text)):
            done = client(*arguments)
            assert (done.returncode, done.stdout) == (exits.USAGE, "")
            assert told in done.stderr
            assert "shell takes quotes" not in done.stderr
    assert client("get", os.fsdecode(b"\xff")).returncode == exits.USAGE
    assert client("del", "k", "--if-version", str(2**63)).returncode == exits.USAGE
    assert server.accepted == 0


@pytest.mark.parametrize("names", [("SET", "set"), ("Delete", "del", "delete"), ("snapshot", "CHECKPOINT")])
def test_commands_have_the_names_that_they_have_in_the_shell_and_on_the_wire(
    client: Client, names: tuple[str, ...]
) -> None:
    arguments = {"set": ("user", "1"), "delete": ("user",), "checkpoint": ()}[names[-1].lower()]
    for name in names:
        assert client(name, *arguments).returncode == exits.OK


@pytest.mark.parametrize(
    ("typed", "told"),
    [("delet", "Did you mean delete?"), ("gte", "Did you mean get?"), ("repair", "fluxdb repair DIR")],
)
def test_a_mistyped_command_is_answered_by_what_is_meant(client: Client, typed: str, told: str) -> None:
    done = client(typed, "user")
    assert done.returncode == exits.USAGE
    assert f"No such command '{typed}'." in done.stderr
    assert told in done.stderr


def test_a_number_as_address_is_a_port_of_this_machine(client: Client, server: SmallServer) -> None:
    for address in (f"{server.port}", f":{server.port}"):
        done = client("--addr", address, "ping")
        assert (done.stdout, done.stderr) == ("pong\n", "")


def test_a_connection_begins_with_a_ping_and_reads_no_document(client: Client, server: SmallServer) -> None:
    client("set", "a", "1")
    answered = {kind: count for kind, (count, _) in server.hub.counts.items() if count}
    assert answered == {"ping": 1, "set": 1}


def test_the_password_comes_from_the_environment_or_a_file(client: Client, server: SmallServer, tmp_path: Path) -> None:
    server.password = "secret"
    file = tmp_path / "password"
    file.write_text("secret\n")
    for variables, words in (({}, "wants a password"), ({"FLUXDB_PASSWORD": "wrong"}, "rejected the password")):
        refused = client("ping", **variables)
        assert refused.returncode == exits.NOT_AUTHENTICATED
        for word in (words, "--password-file", "FLUXDB_PASSWORD"):
            assert word in refused.stderr
    assert client("ping", FLUXDB_PASSWORD="secret").returncode == exits.OK
    assert client("--password-file", str(file), "ping").returncode == exits.OK
    assert client("--addr", "fluxdb://:secret@127.0.0.1:1", "ping").returncode == exits.USAGE


def test_what_can_be_no_password_or_time_is_a_matter_of_usage(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xff\n")
    for done in (
        client("ping", FLUXDB_PASSWORD=os.fsdecode(b"\xff")),
        client("--password-file", str(file), "ping"),
        client("--timeout", "nan", "ping"),
    ):
        assert done.returncode == exits.USAGE, done.stderr
        assert "bug" not in done.stderr


def test_a_shell_fed_by_a_pipe_runs_each_line(client: Client) -> None:
    done = client("shell", stdin="SUBSCRIBE k\nset k 1\nget k\nwhat\n")
    assert done.returncode == exits.USAGE
    assert done.stdout.splitlines() == [
        "ok, subscribed to k",
        "ok, version 1",
        "[event] set k: nil -> 1, version 1",
        "Document { value: 1, version: 1 }",
    ]
    assert "line 4" in done.stderr


def test_a_shell_fed_by_a_pipe_prints_what_others_write_as_it_comes(server: SmallServer) -> None:
    with ended(
        subprocess.Popen(
            command(server, "shell"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write("SUBSCRIBE k\n")
        running.stdin.flush()
        assert running.stdout.readline() == "ok, subscribed to k\n"
        server.engine.set("k", b"1")
        assert running.stdout.readline() == "[event] set k: nil -> 1, version 1\n"
        running.stdin.write("SET k 2\nGET k\n")
        running.stdin.close()
        assert running.stdout.read().splitlines() == [
            "ok, version 2",
            "[event] set k: 1 -> 2, version 2",
            "Document { value: 2, version: 2 }",
        ]
        assert running.wait(PATIENCE_SECONDS) == exits.OK


def test_subscribe_prints_a_line_of_json_an_event_until_ctrl_c(server: SmallServer) -> None:
    with ended(
        subprocess.Popen(command(server, "subscribe", "a", "b"), stdout=subprocess.PIPE, text=True, env=environment())
    ) as running:
        assert running.stdout is not None
        until(lambda: server.engine.notify.subscribers == 2)
        server.engine.set("a", b'{"x":"\\n"}')
        server.engine.delete("a")
        lines = [json.loads(running.stdout.readline()) for _ in range(2)]
        assert lines == [
            {"key": "a", "old": None, "new": {"x": "\n"}, "version": 1, "op": "set", "revision": 1},
            {"key": "a", "old": {"x": "\n"}, "new": None, "version": 2, "op": "delete", "revision": 2},
        ]
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_SECONDS) == exits.INTERRUPTED


def test_subscribe_says_of_a_key_that_looks_like_a_pattern_that_it_is_none(server: SmallServer) -> None:
    asked = command(server, "subscribe", "user:*")
    with ended(subprocess.Popen(asked, stderr=subprocess.PIPE, text=True, env=environment())) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("note: 'user:*' names one key")
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_SECONDS) == exits.INTERRUPTED


def test_an_option_behind_the_command_is_no_key(client: Client, server: SmallServer) -> None:
    for arguments in (("subscribe", "k", "--jsno"), ("get", "--jsno"), ("ping", "--timeout", "1")):
        done = client(*arguments)
        assert done.returncode == exits.USAGE
        assert "No such option: --" in done.stderr
    assert server.accepted == 0
    assert client("set", "--", "--json", "1").stdout == "ok, version 1\n"
    assert client("get", "--", "--json").stdout == "Document { value: 1, version: 1 }\n"
    both = command(server, "--json", "subscribe", "k", "--json", "--", "--json")
    with ended(subprocess.Popen(both, stdout=subprocess.PIPE, text=True, env=environment())):
        until(lambda: server.engine.notify.subscribers == 2)


def test_subscribe_ends_quietly_when_nobody_reads_any_more(server: SmallServer) -> None:
    with ended(
        subprocess.Popen(
            command(server, "subscribe", "a"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        until(lambda: server.engine.notify.subscribers == 1)
        running.stdout.close()
        server.engine.set("a", b"1")
        assert running.wait(PATIENCE_SECONDS) == exits.BROKEN_PIPE
        assert running.stderr.read() == ""
