"""The awaited API under interpreters of other kinds: without assertions, and in development mode."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.loops import LOOPS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize("flags", [["-O"], ["-X", "dev"]], ids=["without assertions", "development mode"])
def test_all_of_the_awaited_api_works_and_leaves_no_warning(tmp_path: Path, flags: list[str], kind: str) -> None:
    arguments = [sys.executable, *flags, "-m", "tests.support.async_tour", kind, str(tmp_path)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("all of it\n", "")
