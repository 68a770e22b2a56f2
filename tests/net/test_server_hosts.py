"""The addresses that a server listens on: both families, brackets, and the settings that name them."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from fluxdb.errors import FluxDBError
from fluxdb.net.listener import distinct
from tests.net.wire import Process, run_program


def hosts_of(*arguments: str, environment: dict[str, str] | None = None) -> list[str]:
    code, output, errors = run_program("--print-config", *arguments, environment=environment)
    assert (code, errors) == (0, "")
    (line,) = [line for line in output.splitlines() if line.startswith("host = ")]
    found: list[str] = json.loads(line.removeprefix("host = ").rpartition("  # ")[0])
    return found


def ping(host: str, port: int) -> bytes:
    with socket.create_connection((host, port), 30) as client:
        client.sendall(b'{"kind":"ping"}\n')
        return client.recv(100)


def test_both_families_are_listened_on_by_one_port_and_each_address_is_named(tmp_path: Path) -> None:
    hosts = ("--host", "[::1]", "--host", "127.0.0.1", "--host", "::1", "--host", "localhost")
    with Process(*hosts, "--port", "0", "--data-dir", str(tmp_path)) as server:
        listening = [line for line in server.said if line.startswith("server listening on ")]
        addresses = (f"[::1]:{server.port}", f"127.0.0.1:{server.port}")
        assert listening == [f"server listening on {address}" for address in addresses]
        assert ping("::1", server.port) == ping("127.0.0.1", server.port) == b'{"kind":"pong"}\n'
        assert server.stop()[0] == 0
    with pytest.raises(ConnectionRefusedError):
        ping("::1", server.port)


def test_a_host_may_be_set_by_flag_environment_and_file_once_or_several_times(tmp_path: Path) -> None:
    config = tmp_path / "fluxdb.toml"
    file = ("--config", str(config))
    assert hosts_of() == ["127.0.0.1"]
    assert hosts_of("--host", "[::1]", "--host", "::1", "--host", "127.0.0.1") == ["::1", "127.0.0.1"]
    assert hosts_of(environment={"FLUXDB_HOST": "127.0.0.1 [::1]"}) == ["127.0.0.1", "::1"]
    config.write_text('host = "[::1]"\n')
    assert hosts_of(*file) == ["::1"]
    config.write_text('host = ["::1", "127.0.0.1"]\n')
    assert hosts_of(*file) == ["::1", "127.0.0.1"]
    config.write_text("host = 1\n")
    code, _, errors = run_program(*file)
    assert (code, "host must be a string or a list of strings, not 1" in errors) == (2, True)


@pytest.mark.parametrize("host", ["127.0.0.1:7000", "[::1]:7000", "localhost:7000"])
def test_a_host_with_a_port_is_rejected_with_the_option_for_it(tmp_path: Path, host: str) -> None:
    code, _, errors = run_program("--host", host, "--data-dir", str(tmp_path / "data"))
    assert (code, "--port" in errors, (tmp_path / "data").exists()) == (2, True, False)


def test_every_host_is_looked_at_for_the_need_of_a_password(tmp_path: Path) -> None:
    hosts = ("--host", "127.0.0.1", "--host", "::")
    code, _, errors = run_program(*hosts, "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert (code, "other machines can reach ::" in errors) == (2, True)


def test_an_address_that_can_not_be_had_is_named_and_the_others_are_let_go_of(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        hosts = ("--host", "127.0.0.1", "--host", "::1")
        code, _, errors = run_program(*hosts, "--port", str(port), "--data-dir", str(tmp_path))
    assert (code, f"error: [::1]:{port}: Address already in use" in errors) == (5, True)


def test_hosts_of_one_address_are_one() -> None:
    hosts = ["127.0.0.1", "::1", "127.0.0.1", "0:0:0:0:0:0:0:1"]
    assert distinct(hosts) == ["127.0.0.1", "::1"]


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example"])
def test_a_name_that_can_be_no_name_is_rejected_in_words(host: str) -> None:
    with pytest.raises(FluxDBError, match=r"there is no address for the host .*has 1 to 63 characters"):
        distinct([host])
