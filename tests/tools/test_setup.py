"""How the core is compiled: for users, and for developers."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any

import pytest
import setuptools

ROOT = Path(__file__).resolve().parent.parent.parent


def settings(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    """The data that setup.py works with."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    for name in ("FLUXDB_WERROR", "FLUXDB_DEBUG", "FLUXDB_SANITIZE", "FLUXDB_ONLY", "FLUXDB_OPTIMIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(ROOT / "setup.py"))


def test_a_warning_of_an_unknown_compiler_stops_no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(monkeypatch)
    assert "-Wall" in found["C_FLAGS"]
    assert "-Werror" not in found["C_FLAGS"]
    assert found["WERROR"] is False


def test_a_warning_is_an_error_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "-Werror" in settings(monkeypatch, FLUXDB_WERROR="1")["C_FLAGS"]
    for tool in ("tools/test", "tools/debug", "tools/sanitize"):
        assert "export FLUXDB_WERROR=${FLUXDB_WERROR:-1}" in (ROOT / tool).read_text().splitlines()


def test_what_cython_made_is_kept_for_the_same_sources_version_and_options_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "fluxdb/_core/base").mkdir(parents=True)
    source = tmp_path / "fluxdb/_core/base/keys.pyx"
    source.write_text("one = 1\n")
    keys = []
    for environment, text, version in [
        ({}, "one = 1\n", "3.1"),
        ({"FLUXDB_DEBUG": "1"}, "one = 1\n", "3.1"),
        ({"FLUXDB_WERROR": "1"}, "one = 1\n", "3.1"),
        ({}, "one = 2\n", "3.1"),
        ({}, "one = 1\n", "3.2"),
    ]:
        found = settings(monkeypatch, **environment)
        monkeypatch.chdir(tmp_path)
        source.write_text(text)
        keys.append(found["cache_key"](version))
    assert len(set(keys)) == 5
    source.write_text("one = 1\n")
    settings_again = settings(monkeypatch, FLUXDB_OPTIMIZE="1")
    monkeypatch.chdir(tmp_path)
    assert settings_again["cache_key"]("3.1") == keys[0]  # that is the C compiler's


def test_the_cache_of_what_cython_made_keeps_the_newest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = settings(monkeypatch)
    (tmp_path / "made").mkdir()
    (tmp_path / "made/keys.c").write_text("int one;")
    for number in range(found["KEPT"] + 3):
        found["keep"](tmp_path / "made", tmp_path / "kept" / str(number))
        os.utime(tmp_path / "kept" / str(number), (number, number))
    kept = {path.name for path in (tmp_path / "kept").iterdir()}
    assert kept == {str(number) for number in range(3, found["KEPT"] + 3)}
    assert (tmp_path / "kept/3/keys.c").read_text() == "int one;"
    found["keep"](tmp_path / "made", tmp_path / "kept/3")  # another build was first
    assert {path.name for path in (tmp_path / "kept").iterdir()} == kept
