"""``fluxdb-server`` as a process: signals, kills, and what was acknowledged; its settings."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import urllib.request
from pathlib import Path

import pytest
from websockets.sync.client import connect

import fluxdb
from fluxdb.cli.server.main import main as server_program
from fluxdb.cli.server.run import CLOSE_SECONDS
from fluxdb.errors import LockedError
from fluxdb.limits import DEFAULT_SERVER_LIMITS, WEB_RANGES
from tests.net.wire import Process, Wire, run_program


@pytest.mark.guarantee(2)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_g2_acknowledged_writes_outlive_the_server(tmp_path: Path, number: int) -> None:
    acknowledged: dict[int, int] = {}

    def write(port: int, writer: int, begun: threading.Event) -> None:
        with contextlib.suppress(AssertionError, OSError), Wire(port) as client:
            for i in range(100_000):
                client.send(*[{"kind": "set", "key": f"{writer}", "value": i}] * 8)
                for _ in range(8):
                    acknowledged[writer] = client.line()["version"]
                begun.set()

    with Process("--port", "0", "--data-dir", str(tmp_path)) as server:
        begun = [threading.Event() for _ in range(4)]
        writers = [threading.Thread(target=write, args=(server.port, i, begun[i])) for i in range(4)]
        for thread in writers:
            thread.start()
        assert all(event.wait(30) for event in begun)
        code, errors = server.stop(number)
        for thread in writers:
            thread.join(30)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert all("the disk is slow" in line for line in errors.splitlines())  # as it may be
    with Process("--port", "0", "--data-dir", str(tmp_path)) as server, Wire(server.port) as client:
        for writer, version in acknowledged.items():
            assert client.ask({"kind": "get", "key": f"{writer}"})[0]["doc"]["version"] >= version


def test_a_client_that_reads_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    arguments = ("--port", "0", "--data-dir", str(tmp_path), "--drain-seconds", "1")
    with Process(*arguments) as server, Wire(server.port, receive_bytes=4096) as client:
        client.ask({"kind": "set", "key": "a", "value": "x" * 1_000_000})
        client.send(*[{"kind": "get", "key": "a"}] * 20)
        assert client.socket.recv(10)
        code, errors = server.stop()
    assert code == 0
    assert "Traceback" not in errors


@pytest.mark.slow
def test_by_default_a_server_has_ended_when_docker_would_kill_it(tmp_path: Path) -> None:
    docker_seconds = 10
    arguments = ("--port", "0", "--data-dir", str(tmp_path))
    with Process(*arguments) as server, Wire(server.port, receive_bytes=4096) as client:
        client.ask({"kind": "set", "key": "a", "value": "x" * 1_000_000})
        client.send(*[{"kind": "get", "key": "a"}] * 20)
        assert client.socket.recv(10)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(docker_seconds) == 0
    assert DEFAULT_SERVER_LIMITS.drain_seconds + CLOSE_SECONDS < docker_seconds


def test_a_folder_in_use_is_refused_with_its_owner(tmp_path: Path) -> None:
    with Process("--port", "0", "--data-dir", str(tmp_path)) as server:
        code, _, errors = run_program("--port", "0", "--data-dir", str(tmp_path))
        assert code == 5
        assert str(server.process.pid) in errors


def test_a_place_where_nobody_can_listen_is_named_with_the_option_that_chooses_another(tmp_path: Path) -> None:
    def refused(*arguments: str) -> str:
        code, output, errors = run_program(*arguments, "--data-dir", str(tmp_path / "other"))
        assert (code, output) == (5, "")
        return errors

    with Process("--port", "0", "--data-dir", str(tmp_path / "data")) as server:
        taken = f"127.0.0.1:{server.port}"
        words = f"error: {taken}: Address already in use: choose another by"
        assert refused("--port", str(server.port)).startswith(f"{words} --host, --port")
        assert refused("--port", "0", "--web", taken).startswith(f"{words} --web")
    for path, why in (("/nodir/s", "No such file"), ("/" + "x" * 200, "too long")):
        errors = refused("--port", "0", "--unix", path)
        assert errors.startswith(f"error: {path}: ")
        assert why in errors
        assert "--unix" in errors


def test_metrics_health_and_the_page_are_served(tmp_path: Path) -> None:
    arguments = ("--port", "0", "--data-dir", str(tmp_path), "--web", "127.0.0.1:0", "--unix", str(tmp_path / "s"))
    with Process(*arguments) as server, Wire(server.port) as client:
        assert server.said[0].startswith("web page on http://127.0.0.1:")
        assert server.said[1] == f"server listening on {tmp_path / 's'}"
        client.ask({"kind": "set", "key": "a", "value": 1}, {"kind": "get", "key": "a"}, {"kind": "x"})
        client.ask({"kind": "subscribe", "key": "a"}, {"kind": "snapshot"})
        limits = client.ask({"kind": "info"})[0]["info"]["server"]["limits"]
        base = server.said[0].removeprefix("web page on ")
        with connect(base.replace("http", "ws", 1), proxy=None) as page:
            page.send('{"type":"delete","key":"none"}')
            page.recv(30)
        with urllib.request.urlopen(f"{base}healthz", timeout=30) as reply:
            assert reply.status == 200
        with urllib.request.urlopen(f"{base}metrics", timeout=30) as reply:
            numbers = reply.read().decode()
    lines = set(numbers.splitlines())
    assert lines >= {
        'fluxdb_commands_total{command="set",status="ok"} 1.0',
        'fluxdb_commands_total{command="get",status="ok"} 1.0',
        'fluxdb_commands_total{command="del",status="ok"} 1.0',
        'fluxdb_commands_total{command="invalid",status="error"} 1.0',
        "fluxdb_keys 1.0",
        "fluxdb_revision 1.0",
        "fluxdb_connections 1.0",
        "fluxdb_subscribers 1.0",
        "fluxdb_subscriber_evictions_total 0.0",
        "fluxdb_queued_event_bytes 0.0",
        "fluxdb_wal_fsync_duration_seconds_count 1.0",
        "fluxdb_commit_group_size_sum 1.0",
        'fluxdb_commit_group_size_bucket{le="1.0"} 1.0',
        "fluxdb_wal_bytes 0.0",
        'fluxdb_command_duration_seconds_count{command="set"} 1.0',
        'fluxdb_command_duration_seconds_count{command="get"} 1.0',
        'fluxdb_command_duration_seconds_count{command="del"} 0.0',
    }
    assert {f"web_{name}" for name in WEB_RANGES} < set(limits)
    assert 'command="invalid",status="ok"' not in numbers
    for name in ("disk_bytes", "memory_bytes", "uptime_seconds"):
        assert f"\nfluxdb_{name} " in numbers
    assert "fluxdb_build_info{" in numbers
    assert "\nfluxdb_web_connections " in numbers
    assert "fluxdb_last_checkpoint_timestamp_seconds 0.0" not in numbers


def test_a_second_server_on_the_folder_is_told_the_address_of_the_first(tmp_path: Path) -> None:
    with Process("--port", "0", "--data-dir", str(tmp_path)) as server:
        with pytest.raises(LockedError) as caught:
            fluxdb.open(tmp_path)
        assert caught.value.address == f"127.0.0.1:{server.port}"
        assert f"fluxdb-client --addr 127.0.0.1:{server.port}" in str(caught.value)
    fluxdb.open(tmp_path).close()


def test_a_message_of_the_page_that_can_not_be_read_is_told_so_and_the_next_is_taken(tmp_path: Path) -> None:
    wrong: list[str | bytes] = ["x", b"{}", '{"key":"a"}', '{"type":"drop","key":"a"}', '{"type":7,"key":"a"}']
    arguments = ("--port", "0", "--data-dir", str(tmp_path), "--web", "127.0.0.1:0")
    with Process(*arguments) as server, Wire(server.port) as client:
        base = server.said[0].removeprefix("web page on ")
        with connect(base.replace("http", "ws", 1), proxy=None) as page:
            for message in wrong:
                page.send(message)
                assert json.loads(page.recv(30))["type"] == "error"
            page.send('{"type":"get","key":"a"}')
            assert json.loads(page.recv(30))["type"] == "get_response"
        commands = client.ask({"kind": "info"})[0]["info"]["server"]["commands"]
        assert (commands["invalid"], commands["get"]) == (len(wrong), 1)
        assert server.stop() == (0, "")


def printed(*arguments: str, environment: dict[str, str] | None = None) -> dict[str, object]:
    code, output, errors = run_program("--print-config", *arguments, environment=environment)
    assert (code, errors) == (0, "")
    pairs = [line.rpartition("  # ")[0].partition(" = ") for line in output.splitlines() if not line.startswith("#")]
    return {name: json.loads(value) for name, _, value in pairs}


def test_a_flag_goes_before_the_environment_that_before_the_file(tmp_path: Path) -> None:
    config = tmp_path / "fluxdb.toml"
    config.write_text(
        'port = 1\nhost = "::1"\nline_bytes_max = 30_000_000\nweb_origin = ["https://a.example"]\nlog_json = true\n'
    )
    file = ("--config", str(config))
    assert printed()["port"] == 7000
    shown = printed(*file)
    assert (shown["port"], shown["host"], shown["line_bytes_max"]) == (1, ["::1"], 30_000_000)
    assert (shown["web_origin"], shown["log_json"]) == (["https://a.example"], True)
    environment = {"FLUXDB_PORT": "2", "FLUXDB_LINE_BYTES_MAX": "20000000", "FLUXDB_CONFIG": str(config)}
    shown = printed(environment=environment)
    assert (shown["port"], shown["host"], shown["line_bytes_max"]) == (2, ["::1"], 20_000_000)
    assert printed("--port", "3", environment=environment)["port"] == 3


def test_a_byte_order_mark_before_the_settings_is_passed_over(tmp_path: Path) -> None:
    config = tmp_path / "fluxdb.toml"
    config.write_bytes(b"\xef\xbb\xbfport = 5\r\n")
    assert printed("--config", str(config))["port"] == 5


def test_the_port_that_kubernetes_sets_for_a_service_is_told_from_a_wrong_one(tmp_path: Path) -> None:
    environment = {"FLUXDB_PORT": "tcp://10.0.0.1:7000"}
    code, _, errors = run_program("--data-dir", str(tmp_path), environment=environment)
    assert (code, "Kubernetes" in errors, "enableServiceLinks: false" in errors) == (2, True, True), errors
    assert printed("--port", "3", environment=environment)["port"] == 3


def test_what_is_no_setting_is_not_read_from_the_environment(tmp_path: Path) -> None:
    environment = {f"FLUXDB_{name}": "1" for name in ("VERSION", "HELP", "PRINT_CONFIG")}
    with Process("--port", "0", "--data-dir", str(tmp_path), environment=environment) as server:
        assert server.stop() == (0, "")


def test_g11_the_bounds_of_the_live_page_are_settings_too(tmp_path: Path) -> None:
    others = {f"web_{name}": high for name, (_, high) in WEB_RANGES.items()}
    flags = [part for name, value in others.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    config = tmp_path / "all.toml"
    config.write_text("".join(f"{name} = {value}\n" for name, value in others.items()))
    for shown in (
        printed(*flags),
        printed(environment={f"FLUXDB_{name.upper()}": str(value) for name, value in others.items()}),
        printed("--config", str(config)),
    ):
        assert {name: shown[name] for name in others} == others
    config = tmp_path / "fluxdb.toml"
    config.write_text("web_connections_max = 1\n")
    arguments = ("--port", "0", "--data-dir", str(tmp_path / "data"), "--web", "127.0.0.1:0", "--config", str(config))
    with Process(*arguments) as server:
        port = int(server.said[0].rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 30) as first:
            first.sendall(b"GET /healthz HTTP/1.1\r\n")
            with socket.create_connection(("127.0.0.1", port), 30) as second, contextlib.suppress(ConnectionError):
                assert second.recv(1) == b"", "there is no room for a second connection"


def test_help_explains_every_setting() -> None:
    assert [option.name for option in server_program.params if not getattr(option, "help", None)] == []


def test_what_is_printed_can_be_read_again_and_never_shows_the_password(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush-hush")
    arguments = ("--print-config", "--password-file", str(secret), "--port", "5")
    _, output, _ = run_program(*arguments, environment={"FLUXDB_PASSWORD": "hush-hush"})
    assert "hush" not in output
    (tmp_path / "again.toml").write_text(output)
    assert printed("--config", str(tmp_path / "again.toml"))["port"] == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1\nhots = 2\n", "hots, prot (did you mean host, port?)"),
        ("frobnicate = 1\n", "frobnicate (--print-config lists all settings)"),
        ('password = "x"\n', "password_file"),
        ('port = "1"\n', "port must be a whole number, not '1'"),
        ("port = true\n", "port must be a whole number, not True"),
        ("port = 70000\n", "'--port' (port in "),
        ("web_origin = [1]\n", "web_origin"),
        ("port = \n", "fluxdb.toml"),
        ("[server]\nport = 1\n", "server"),
        ("web_connections_max = 0\n", "web-connections-max"),
        ("web_connections_max = 1.5\n", "web_connections_max"),
        ('web_close_seconds_max = "1"\n', "web_close_seconds_max"),
        ("web_close_seconds_max = 0\n", "web-close-seconds-max"),
        ("web_close_seconds_max = nan\n", "web-close-seconds-max"),
        ("web_close_seconds_max = inf\n", "web-close-seconds-max"),
        ('web_origin = ["example.org"]\n', "https://example.org"),
    ],
)
def test_g11_a_wrong_file_of_settings_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "fluxdb.toml").write_text(text)
    code, _, errors = run_program("--config", str(tmp_path / "fluxdb.toml"), "--data-dir", str(tmp_path / "data"))
    assert code == 2
    assert told in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (("--web-origin", "example.org"), {}, "https://example.org"),
        ((), {"FLUXDB_WEB_ORIGIN": "example.org"}, "https://example.org"),
        (("--web-ping-interval-seconds", "nan"), {}, "web-ping-interval-seconds"),
        (("--web-ping-interval-seconds", "inf"), {}, "web-ping-interval-seconds"),
        ((), {"FLUXDB_DEPTH_MAX": "x"}, "(FLUXDB_DEPTH_MAX in the environment): 'x' is not a valid whole number"),
        (("--depth-max", "x"), {}, "Invalid value for '--depth-max': 'x' is not a valid whole number"),
        (("--config", "/nodir/f.toml"), {}, "Error: /nodir/f.toml: No such file or directory"),
        (("--web", "127.0.0.1:0"), {"FLUXDB_PASSWORD": "\udcff"}, "FLUXDB_PASSWORD"),
        (("--print-config", "--unix", "/\udcff"), {}, "unix"),
    ],
)
def test_what_can_not_be_meant_is_a_wrong_usage(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], told: str
) -> None:
    code, output, errors = run_program("--data-dir", str(tmp_path), "--port", "0", *arguments, environment=environment)
    assert (code, output) == (2, "")
    assert told in errors
    assert "bug" not in errors


def test_the_server_says_which_folder_it_has_whether_it_was_made_and_what_it_holds(tmp_path: Path) -> None:
    arguments = ("--port", "0", "--data-dir", str(tmp_path / "data"))
    with Process(*arguments) as server, Wire(server.port) as client:
        client.ask({"kind": "set", "key": "a", "value": 1})
        server.stop()
    assert server.database == f"database {tmp_path / 'data'} (made just now): 0 keys, revision 0\n"
    with Process(*arguments) as server:
        server.stop()
    assert server.database == f"database {tmp_path / 'data'}: 1 key, revision 1\n"


def test_a_server_that_may_not_make_a_database_ends_where_it_is_missing(tmp_path: Path) -> None:
    missing = tmp_path / "data"
    for arguments, environment in ((["--no-create"], {}), ([], {"FLUXDB_CREATE": "false"})):
        code, _, errors = run_program("--port", "0", "--data-dir", str(missing), *arguments, environment=environment)
        assert (code, errors) == (5, f"error: there is no database folder {missing}\n")
    assert not missing.exists()


def test_a_home_folder_in_a_file_of_settings_is_put_in(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('data_dir = "~/data"\nport = 0\n')
    with Process("--config", str(tmp_path / "settings.toml"), environment={"HOME": str(tmp_path)}) as server:
        server.stop()
    assert server.database.startswith(f"database {tmp_path / 'data'} (made just now)")
