"""The history file: private, bounded, and one line a command."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from fluxdb.cli.shell import history
from fluxdb.cli.shell.history import ENTRY_BYTES_MAX, FileHistory, history_path


def kept(path: Path) -> list[str]:
    opened = FileHistory(path)
    try:
        return list(opened.load_history_strings())
    finally:
        opened.close()


def keep(path: Path, *commands: str) -> None:
    opened = FileHistory(path)
    list(opened.load_history_strings())
    for command in commands:
        opened.append_string(command)
    opened.close()


def test_commands_come_back_the_newest_first(tmp_path: Path) -> None:
    keep(tmp_path / "history", "SET a 1", "GET é")
    keep(tmp_path / "history", "GET b")
    assert kept(tmp_path / "history") == ["GET b", "GET é", "SET a 1"]


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "fluxdb" / "history"
    keep(path, "SET a 1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    keep(path, "GET a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_of_a_command_become_one(tmp_path: Path) -> None:
    keep(tmp_path / "history", 'SET a {\n"x": 1\r\n}')
    assert kept(tmp_path / "history") == ['SET a { "x": 1  }']


def test_a_leading_space_a_repetition_and_a_huge_command_are_not_kept(tmp_path: Path) -> None:
    huge = "SET a " + "1" * ENTRY_BYTES_MAX
    keep(tmp_path / "history", " SET secret 1", "GET a", "GET a", "", huge, "1" * ENTRY_BYTES_MAX)
    assert kept(tmp_path / "history") == ["1" * ENTRY_BYTES_MAX, "GET a"]


def test_a_long_file_is_cut_to_its_newer_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "FILE_BYTES_MAX", 100)
    path = tmp_path / "history"
    path.write_text("".join(f"GET {i:04}\n" for i in range(100)))
    assert kept(path) == [f"GET {i:04}" for i in range(99, 94, -1)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keep(path, "GET new")
    assert kept(path)[0] == "GET new"


def test_bytes_that_are_not_utf8_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "history").write_bytes(b"GET \xff\nGET a\n")
    assert kept(tmp_path / "history") == ["GET a", "GET \ufffd"]


def test_the_setting_names_the_file_or_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("FLUXDB_HISTORY", raising=False)
    assert history_path() == Path("/home/someone/.local/state/fluxdb/history")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert history_path() == Path("/state/fluxdb/history")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # not allowed by its specification, so it is passed over
    assert history_path() == Path("/home/someone/.local/state/fluxdb/history")
    monkeypatch.setenv("FLUXDB_HISTORY", "~/flux")
    assert history_path() == Path("/home/someone/flux")
    for word in ("off", "OFF", "no", "0"):
        monkeypatch.setenv("FLUXDB_HISTORY", word)
        assert history_path() is None


def test_a_device_is_not_made_private() -> None:
    before = Path(os.devnull).stat().st_mode
    keep(Path(os.devnull), "GET a")
    assert Path(os.devnull).stat().st_mode == before
