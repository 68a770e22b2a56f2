"""How the core is compiled: for users, and for developers."""

from __future__ import annotations

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
    for name in ("FLUXDB_WERROR", "FLUXDB_DEBUG", "FLUXDB_SANITIZE", "FLUXDB_ONLY"):
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
