"""Rules that every file here keeps, beyond ruff. One test per rule; it lists the offenders."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("fluxdb", "tests", "tools", "asv_bench", "docs", ".ci")
CODE = {".py", ".pyi", ".pyx", ".pxd", ".h", ".c", ".sh", ""}
SUFFIXES = CODE | {".html", ".css", ".js", ".md", ".toml", ".in"}

LINES_MAX = 400
MODULES_MAX = 16  # of a folder in fluxdb/; a .pyx and its .pxd are one
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


TEXTS = {path: path.read_text() for path in project_files()}
CODE_TEXTS = {path: text for path, text in TEXTS.items() if path.suffix in CODE}


def untidy(text: str) -> str | None:
    """Name the first fault in the white space of a file."""
    if "\t" in text or "\r" in text:
        return "has a tab or a carriage return"
    lines = text.split("\n")
    trailing = [number for number, line in enumerate(lines, 1) if line != line.rstrip()]
    if trailing:
        return f"has trailing space in line {trailing[0]}"
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        return "does not end with exactly one newline"
    return None


def docstring(source: str, *, cython: bool) -> str | None:
    if cython:
        match = re.match(r'(?:\s*#[^\n]*\n)*\s*"""(.+?)"""', source, re.DOTALL)
        return match[1] if match else None
    return ast.get_docstring(ast.parse(source))


def test_there_are_files_to_look_at() -> None:
    assert {"setup.py", "fluxdb/errors.py", "tests/test_tidy.py", "tools/run"} <= {relative(path) for path in TEXTS}


def test_no_tabs_no_trailing_space_one_newline_at_the_end() -> None:
    faults = {relative(path): untidy(text) for path, text in TEXTS.items()}
    assert [f"{name} {fault}" for name, fault in faults.items() if fault] == []


def test_untidy_white_space_is_noticed() -> None:
    faults = ["a\tb\n", "a\r\n", "a \nb\n", "a", "a\n\n"]
    assert [fault for fault in faults if untidy(fault) is None] == []
    assert untidy("") is None and untidy("a\n\nb\n") is None


def test_a_file_is_short_enough_to_have_one_purpose() -> None:
    lines = {relative(path): text.count("\n") for path, text in CODE_TEXTS.items()}
    assert [f"{name} has {count} lines" for name, count in lines.items() if count > LINES_MAX] == []


def test_a_folder_holds_few_enough_modules_to_know_them() -> None:
    modules: dict[str, set[str]] = {}
    for path in CODE_TEXTS:
        if path.relative_to(ROOT).parts[0] == "fluxdb" and path.suffix in {".py", ".pyx", ".pxd"}:
            modules.setdefault(relative(path.parent), set()).add(path.stem)
    counts = {folder: len(stems - {"__init__"}) for folder, stems in modules.items()}
    assert [f"{folder} has {count} modules" for folder, count in counts.items() if count > MODULES_MAX] == []


def test_lines_fit_where_ruff_does_not_look() -> None:
    assert [
        f"{relative(path)}:{number}"
        for path, text in CODE_TEXTS.items()
        if path.suffix not in {".py", ".pyi"}
        for number, line in enumerate(text.split("\n"), 1)
        if len(line) > LINE_LENGTH_MAX
    ] == []


def test_nothing_is_left_for_later_in_a_comment() -> None:
    assert [relative(path) for path, text in CODE_TEXTS.items() if UNFINISHED.search(text)] == []


def test_a_module_says_what_it_is_for() -> None:
    modules = {
        path: text
        for path, text in TEXTS.items()
        if path.suffix in {".py", ".pyx"} and path.relative_to(ROOT).parts[0] in ("fluxdb", "tools")
    }
    assert len(modules) > 100
    assert [relative(path) for path, text in modules.items() if not docstring(text, cython=path.suffix == ".pyx")] == []


def test_a_missing_docstring_is_noticed() -> None:
    assert docstring("# cython: language_level=3\n\nimport os\n", cython=True) is None
    assert docstring('# cython: language_level=3\n"""What it is for."""\n', cython=True) == "What it is for."
