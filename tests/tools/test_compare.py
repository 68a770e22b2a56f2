"""tools/compare itself, on little data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 240
# One that needs nobody, two over the network, and one for each way in which children and servers are used.
ROWS = ("get-rate", "net-set", "net-set-p99", "told-network", "checkpoint", "large-get")


def compare(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "tools.comparison", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )


def test_a_quick_run_measures_the_rows_and_writes_the_document(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the plot of tools/compare --docs is drawn by it")
    chosen = [word for row in ROWS for word in ("--only", row)]
    done = compare("--quick", "--data-dir", str(tmp_path), "--docs", str(tmp_path / "docs"), *chosen)
    if done.returncode == 2 and "which is memory" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    raw = json.loads((tmp_path / "docs" / "performance.json").read_text())
    figures = {figure["name"]: figure for figure in raw["figures"]}
    assert set(figures) == set(ROWS)
    for name, figure in figures.items():
        assert figure["turns"] or "redis-server is missing" in figure["reason"], name
        assert f"| {figure['title']} |" in (tmp_path / "docs" / "performance.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["docs"], "the data is removed"


def test_a_row_that_is_not_there_is_a_wrong_call() -> None:
    done = compare("--only", "nothing")
    assert done.returncode == 2
    assert "net-set" in done.stderr


def test_the_list_has_the_names() -> None:
    assert "net-mixed-p99: " in compare("--list").stdout
