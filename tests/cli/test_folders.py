"""Folders that are none, or that belong to somebody else: what is wrong, and the way out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from fluxdb.cli.fluxdb.main import main
from tests.cli.conftest import Program

NOBODY = 65534
COMMANDS = [["check"], ["repair"], ["dump"], ["info"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_file_is_told_from_a_folder_that_is_not_there(fluxdb: Program, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "data").write_text("")
    assert fluxdb(*command, "data") == (5, "", f"error: {tmp_path / 'data'} is a file: a database is a folder\n")


def test_a_dump_into_a_folder_names_the_way_out(fluxdb: Program, tmp_path: Path) -> None:
    assert fluxdb("exec", "--data-dir", "data", "SET k 1").code == 0
    ended = fluxdb("dump", "-o", str(tmp_path), "data")
    assert (ended.code, ended.err) == (5, f"error: can't write {tmp_path}: it is a folder: name a file\n")


@contextmanager
def as_nobody() -> Iterator[None]:
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.root
@pytest.mark.skipif(not hasattr(os, "setresuid"), reason="there is no setresuid")
@pytest.mark.parametrize("command", [*COMMANDS, ["exec", "GET k", "--data-dir"]], ids=lambda command: command[0])
@pytest.mark.parametrize("name", ["data", "data/within"])
def test_a_folder_of_another_user_is_told_with_the_way_out(command: list[str], name: str) -> None:
    run = CliRunner().invoke
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        path = Path(place, name)
        assert run(main, ["exec", "SET k 1", "--data-dir", str(path)]).exit_code == 0
        run(main, [*command, str(path)])  # imports what only this user may read
        Path(place, "data").chmod(0o700)
        with as_nobody():
            ended = run(main, [*command, str(path)])
    assert (ended.exit_code, ended.stdout) == (5, "")
    assert ended.stderr.startswith("error: can't ")
    assert ended.stderr.endswith(f"{path}: Permission denied: check its owner and permissions\n")


@pytest.mark.parametrize("commands", [["HELP"], ["help set"], ["HELP", "EXIT"], ["EXIT", "GET k"], [""]], ids=str)
def test_help_opens_no_database(fluxdb: Program, tmp_path: Path, commands: list[str]) -> None:
    ended = fluxdb("exec", *commands)
    assert (ended.code, ended.err) == (0, "")
    assert ("SET" in ended.out) == ("help" in commands[0].lower())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["127.0.0.1:7000", "fluxdb:host", " data", "", ":memory:", "$HOME/data"])
def test_what_looks_like_no_folder_is_a_matter_of_usage_and_makes_none(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (["--data-dir", name, "exec", "GET k"], ["check", name]):
        ended = CliRunner().invoke(main, arguments)
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert ended.stderr.splitlines()[-1].startswith("Error: Invalid value for ")
    assert list(tmp_path.iterdir()) == []


def test_a_home_folder_is_put_in_for_its_sign_wherever_the_name_comes_from(fluxdb: Program, tmp_path: Path) -> None:
    assert fluxdb("--data-dir=~/one", "exec", "SET k 1").code == 0
    assert fluxdb("exec", "SET k 1", FLUXDB_DATA_DIR="~/two").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    ended = fluxdb("--data-dir=~nobody-of-this-name/x", "exec", "GET k")
    assert ended.code == 2
    assert ended.err.splitlines()[-1].endswith("~nobody-of-this-name/x: no such home folder.")


def test_a_folder_of_other_things_is_told_and_stays_as_it_is(fluxdb: Program, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("")
    for arguments in (["--data-dir", "src", "exec", "GET k"], ["repair", "--yes", "src"], ["check", "src"]):
        ended = fluxdb(*arguments)
        assert (ended.code, ended.out) == (5, "")
        assert "database" in ended.err
    assert [path.name for path in (tmp_path / "src").iterdir()] == ["main.py"]


def test_a_look_changes_no_byte_and_a_write_says_so(fluxdb: Program, tmp_path: Path) -> None:
    assert fluxdb("exec", "SET k 1").code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "fluxdb-data").iterdir()}
    ended = fluxdb("--read-only", "exec", "GET k", "INFO")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Document { value: 1, version: 1 }\n")
    ended = fluxdb("--read-only", stdin=b"GET k\nSET k 2\n")
    assert (ended.code, ended.out) == (5, "Document { value: 1, version: 1 }\n")
    assert "was opened with read_only, so nothing in it changes" in ended.err
    assert {path.name: path.read_bytes() for path in (tmp_path / "fluxdb-data").iterdir()} == before


@pytest.mark.parametrize("option", ["--no-create", "--read-only"])
def test_a_database_that_is_missing_can_be_an_error(fluxdb: Program, tmp_path: Path, option: str) -> None:
    ended = fluxdb(option, "exec", "GET k")
    assert (ended.code, ended.out) == (5, "")
    assert ended.err == f"error: there is no database folder {tmp_path / 'fluxdb-data'}\n"
    assert list(tmp_path.iterdir()) == []
