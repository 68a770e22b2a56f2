"""What README.md shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent.parent / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_there_is_an_example_for_threads_and_one_for_asyncio() -> None:
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("example", EXAMPLES, ids=["threads", "asyncio"])
def test_an_example_runs_as_it_stands_and_prints_what_its_comments_say(example: str, tmp_path: Path) -> None:
    program = tmp_path / "example.py"
    program.write_text(example, "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == re.findall(r"print\(.*\) +# (.*)", example)
