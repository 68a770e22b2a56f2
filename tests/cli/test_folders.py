"""Folders that are none, or that belong to somebody else: what is wrong, and the way out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from fluxdb.cli.main import main
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
