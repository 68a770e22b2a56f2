"""The units, settings and commands of docs/running.md are such as the server takes."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from pathlib import Path

from fluxdb.limits import DEFAULT_SERVER_LIMITS
from tests.net.wire import run_program

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "running.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def print_config(*arguments: str) -> str:
    code, output, errors = run_program("--print-config", *arguments)
    assert (code, errors) == (0, "")
    return output


def test_the_settings_of_the_unit_are_taken(tmp_path: Path) -> None:
    (unit,), (settings,) = blocks("ini"), blocks("toml")
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[method-assign, assignment]
    parsed.read_string(unit)
    program, *arguments = shlex.split(parsed["Service"]["ExecStart"])
    assert Path(program).name == "fluxdb-server"
    file = tmp_path / "fluxdb.toml"
    file.write_text(settings)
    assert settings.startswith(f"# {arguments[arguments.index('--config') + 1]}\n")
    output = print_config("--config", str(file))
    assert output.count("# config") == len(settings.splitlines()) - 1
    assert f'data_dir = "/var/lib/{parsed["Service"]["StateDirectory"]}"' in output
    assert parsed["Service"]["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_what_starts_in_the_container_is_taken() -> None:
    (dockerfile,) = blocks("dockerfile")
    (started,) = re.findall(r"^ENTRYPOINT (.*)", dockerfile, re.MULTILINE)
    program, *arguments = json.loads(started)
    assert program == "fluxdb-server"
    assert 'host = ["0.0.0.0"]' in print_config(*arguments)


def test_each_command_of_the_server_is_taken() -> None:
    commands = [line for block in blocks("console") for line in re.findall(r"^\$ fluxdb-server (.*)", block)]
    assert commands != []
    for command in commands:
        print_config(*shlex.split(command))


def test_the_settings_that_the_text_names_are_as_it_says() -> None:
    assert f"`drain_seconds` ({DEFAULT_SERVER_LIMITS.drain_seconds})" in TEXT
    assert f"within {DEFAULT_SERVER_LIMITS.certificate_warning_days} days (`certificate_warning_days`)" in TEXT
