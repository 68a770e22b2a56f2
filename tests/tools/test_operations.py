"""The examples of docs/operations.md print what their comments say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
EXPECTED = re.compile(r"print\(.*\) *# (.*)")


def test_every_example_shows_what_it_prints() -> None:
    assert EXAMPLES != []
    assert [example for example in EXAMPLES if EXPECTED.search(example) is None] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"line {TEXT.count(chr(10), 0, TEXT.index(it))}" for it in EXAMPLES])
def test_an_example_prints_what_its_comments_say(example: str, tmp_path: Path) -> None:
    program = tmp_path / "example.py"
    program.write_text(example, "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == EXPECTED.findall(example)
