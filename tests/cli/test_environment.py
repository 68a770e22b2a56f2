"""Variables of the environment that are no settings: those that look like one, and those that others make."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fluxdb.cli.server.environment import misspelt
from fluxdb.cli.server.main import main as server_program
from tests.net.wire import Process, clean_environment, run_program

SETTINGS = [*(str(option.name) for option in server_program.params), "password"]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("FLUXDB_DATADIR", "FLUXDB_DATA_DIR"),
        ("FLUXDB_DATA", "FLUXDB_DATA_DIR"),
        ("FLUXDB_PASSWD", "FLUXDB_PASSWORD"),
        ("FLUXDB_PASS", "FLUXDB_PASSWORD"),
        ("FLUXDB_HOSTS", "FLUXDB_HOST"),
        ("FLUXDB_PORTS", "FLUXDB_PORT"),
        ("FLUXDB_TLSCERT", "FLUXDB_TLS_CERT"),
        ("FLUXDB_LOGLEVEL", "FLUXDB_LOG_LEVEL"),
        ("FLUXDB_VALUE_BYTES", "FLUXDB_VALUE_BYTES_MAX"),
        ("FLUXDB_data_dir", "FLUXDB_DATA_DIR"),
        ("FLUXDB_PASSWORD_FLE", "FLUXDB_PASSWORD_FILE"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_one_that_may_be_meant(variable: str, meant: str) -> None:
    assert list(misspelt({variable: "x", "HOME": "/root"}, SETTINGS)) == [(variable, meant)]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FLUXDB_SERVICE_HOST", "10.0.0.1"),
        ("FLUXDB_SERVICE_PORT", "7000"),
        ("FLUXDB_SERVICE_PORT_WIRE", "7000"),
        ("FLUXDB_PORT_7000_TCP", "tcp://10.0.0.1:7000"),
        ("FLUXDB_PORT_7000_TCP_ADDR", "10.0.0.1"),
        ("FLUXDB_PORT_7000_TCP_PORT", "7000"),
        ("FLUXDB_PORT_7000_TCP_PROTO", "tcp"),
        ("FLUXDB_WEB_PORT", "tcp://10.0.0.1:7001"),
        ("FLUXDB_WEB_SERVICE_HOST", "10.0.0.1"),
        ("FLUXDB_WEB_PORT_7001_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_what_kubernetes_sets_for_a_service_is_passed_over(variable: str, value: str) -> None:
    assert list(misspelt({variable: value}, SETTINGS)) == []


@pytest.mark.parametrize("name", ["IMAGE", "USER", "NAMESPACE", "REPLICAS", "URL", "TOKEN", "VERSION", "HISTORY", "X"])
def test_what_resembles_no_setting_is_passed_over(name: str) -> None:
    assert list(misspelt({f"FLUXDB_{name}": "x"}, SETTINGS)) == []


def test_every_setting_is_known() -> None:
    assert list(misspelt({f"FLUXDB_{name.upper()}": "x" for name in SETTINGS}, SETTINGS)) == []


def run(*program: str, **environment: str) -> tuple[str, str]:
    variables = clean_environment() | environment
    command = [sys.executable, "-m", *program]
    done = subprocess.run(command, env=variables, capture_output=True, timeout=60, text=True)
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    ("program", "variable", "meant"),
    [
        (("fluxdb", "exec", "HELP"), "FLUXDB_DATADIR", "FLUXDB_DATA_DIR"),
        (("fluxdb.cli.client.main", "--addr", "127.0.0.1:1", "ping"), "FLUXDB_ADDRESS", "FLUXDB_ADDR"),
        (("fluxdb.cli.client.main", "--addr", "127.0.0.1:1", "ping"), "FLUXDB_PASSWD", "FLUXDB_PASSWORD"),
    ],
)
def test_terminal_and_client_warn_of_their_own(program: tuple[str, ...], variable: str, meant: str) -> None:
    output, errors = run(*program, **{variable: "x"})
    assert f"warning: {variable} is not a setting and is ignored: did you mean {meant}?\n" in errors
    assert variable not in output


@pytest.mark.parametrize("program", [("fluxdb", "exec", "HELP"), ("fluxdb.cli.client.main", "--help")])
def test_terminal_and_client_pass_over_the_settings_of_a_server(program: tuple[str, ...]) -> None:
    server = {f"FLUXDB_{name.upper()}": "1" for name in SETTINGS if name not in ("data_dir", "password")}
    assert "is not a setting" not in run(*program, FLUXDB_SERVICE_HOST="10.0.0.1", **server)[1]


def test_a_server_warns_of_a_misspelt_variable_and_shows_it_with_its_settings(tmp_path: Path) -> None:
    environment = {"FLUXDB_DATADIR": "/elsewhere", "FLUXDB_SERVICE_HOST": "10.0.0.1"}
    words = "FLUXDB_DATADIR is not a setting and is ignored: did you mean FLUXDB_DATA_DIR?"
    with Process("--port", "0", "--data-dir", str(tmp_path), environment=environment) as server:
        code, errors = server.stop()
    assert code == 0
    assert f"WARNING fluxdb.server: {words}\n" in errors
    assert "SERVICE_HOST" not in errors
    _, output, _ = run_program("--print-config", environment=environment)
    assert f"# {words}" in output.splitlines()
