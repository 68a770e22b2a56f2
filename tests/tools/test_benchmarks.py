"""The benchmarks of asv_bench: each runs once, and what asv needs for them is written down."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import benchmarks_once

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 120


@pytest.mark.parametrize("name", benchmarks_once.module_names())
def test_the_benchmarks_of_a_module_run_once(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tools.benchmarks_once", name],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{name}."), "the module has no benchmarks"
    assert done.stderr == ""


def test_a_class_without_benchmarks_is_no_benchmark_class() -> None:
    class Plain:
        def work(self) -> None: ...

    class Timed:
        params = ((1, 2), ("a", "b"))

        def time_work(self) -> None: ...

    assert benchmarks_once.benchmarks(Plain) == []
    assert benchmarks_once.benchmarks(Timed) == ["time_work"]
    assert benchmarks_once.parameters(Timed) == [(1, "a"), (2, "b")]
    assert benchmarks_once.parameters(Plain) == [()]


def test_asv_installs_what_the_package_needs() -> None:
    dependencies = re.search(r"^dependencies = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert dependencies is not None
    needed = set(re.findall(r'"([A-Za-z0-9_.-]+)', dependencies[1]))
    installed = set(re.findall(r'"([A-Za-z0-9_.-]+)": \[""\]', (ROOT / "asv_bench/asv.conf.json").read_text()))
    assert needed <= installed
