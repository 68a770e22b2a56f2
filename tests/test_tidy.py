"""What a reader may expect of every file here, where ruff does not look or does not ask."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("fluxdb", "tests", "tools", "asv_bench", "docs", ".ci")
CODE = {".py", ".pyi", ".pyx", ".pxd", ".h", ".c", ".sh", ""}
SUFFIXES = CODE | {".html", ".css", ".js", ".md", ".toml", ".in"}

LINES_MAX = 400
LINE_LENGTH_MAX = 120  # where ruff does not look

UNFINISHED = re.compile("TO" + "DO|FIX" + "ME|X" + "XX")


def project_files() -> list[Path]:
    files = [path for path in ROOT.iterdir() if path.suffix in SUFFIXES]
    for folder in FOLDERS:
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    return sorted(path for path in files if path.is_file() and not path.name.startswith(".") and not is_generated(path))


def is_generated(path: Path) -> bool:
    is_of_dashboard = ".asv" in path.relative_to(ROOT).parts  # asv's environments and results
    return is_of_dashboard or (path.suffix == ".c" and path.with_suffix(".pyx").exists())


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


FILES = project_files()
each_file = pytest.mark.parametrize("path", FILES, ids=relative)
each_file_without_ruff = pytest.mark.parametrize(
    "path", [path for path in FILES if path.suffix in CODE - {".py", ".pyi"}], ids=relative
)
each_code_file = pytest.mark.parametrize("path", [path for path in FILES if path.suffix in CODE], ids=relative)
each_module = pytest.mark.parametrize(
    "path",
    [
        path
        for path in FILES
        if path.suffix in {".py", ".pyx"} and path.relative_to(ROOT).parts[0] in ("fluxdb", "tools")
    ],
    ids=relative,
)


def docstring(source: str, *, cython: bool) -> str | None:
    if cython:
        match = re.match(r'(?:\s*#[^\n]*\n)*\s*"""(.+?)"""', source, re.DOTALL)
        return match[1] if match else None
    return ast.get_docstring(ast.parse(source))


def test_there_are_files_to_look_at() -> None:
    assert {"setup.py", "fluxdb/errors.py", "tests/test_tidy.py", "tools/run"} <= {relative(path) for path in FILES}


@each_file
def test_no_tabs_no_trailing_space_one_newline_at_the_end(path: Path) -> None:
    text = path.read_text()
    assert "\t" not in text
    assert "\r" not in text
    assert [number for number, line in enumerate(text.split("\n"), 1) if line != line.rstrip()] == []
    assert text == "" or (text.endswith("\n") and not text.endswith("\n\n"))


@each_code_file
def test_a_file_is_short_enough_to_have_one_purpose(path: Path) -> None:
    assert path.read_text().count("\n") <= LINES_MAX


@each_file_without_ruff
def test_lines_fit(path: Path) -> None:
    lines = path.read_text().split("\n")
    assert [number for number, line in enumerate(lines, 1) if len(line) > LINE_LENGTH_MAX] == []


@each_code_file
def test_nothing_is_left_for_later_in_a_comment(path: Path) -> None:
    assert UNFINISHED.findall(path.read_text()) == []


@each_module
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert docstring(path.read_text(), cython=path.suffix == ".pyx")


def test_a_missing_docstring_is_noticed() -> None:
    assert docstring("# cython: language_level=3\n\nimport os\n", cython=True) is None
    assert docstring('# cython: language_level=3\n"""What it is for."""\n', cython=True) == "What it is for."
