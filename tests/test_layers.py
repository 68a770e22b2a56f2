"""The layers of the house: an import points down, or to a neighbour in the same package; never up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The highest first. A module belongs to the longest name that it begins with. Names in one row don't import each other.
LAYERS = (
    ("fluxdb.__main__",),
    ("fluxdb.cli",),
    ("fluxdb.bench",),
    ("fluxdb",),  # fluxdb/__init__.py itself: what a user imports, so nothing below it does
    ("fluxdb.sync", "fluxdb.aio"),
    ("fluxdb.api",),
    ("fluxdb.opening",),
    ("fluxdb.net.web",),
    ("fluxdb.net",),
    ("fluxdb.engine.local", "fluxdb.engine.remote"),
    ("fluxdb.engine",),
    ("fluxdb.storage",),
    ("fluxdb.values",),
    # The rooms of the core: a request goes up from the log's bytes to the sockets.
    ("fluxdb._core.reactor", "fluxdb._core.load"),
    ("fluxdb._core.serve",),
    ("fluxdb._core.commit",),
    ("fluxdb._core.log", "fluxdb._core.events"),
    ("fluxdb._core.documents",),
    ("fluxdb._core.json",),
    ("fluxdb._core.base",),
    ("fluxdb._core",),
    ("fluxdb.model", "fluxdb.errors", "fluxdb.limits", "fluxdb.target", "fluxdb.twin"),
)
LEVEL_OF = {name: len(LAYERS) - row for row, names in enumerate(LAYERS) for name in names}

CYTHON_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+c?import\s+(\([^)]*\)|[^\n#]*)", re.MULTILINE)
CYTHON_IMPORT = re.compile(r"^\s*c?import\s+([^\n#]*)", re.MULTILINE)


def source_paths() -> list[Path]:
    suffixes = {".py", ".pyi", ".pyx", ".pxd"}
    return sorted(path for path in (ROOT / "fluxdb").rglob("*") if path.suffix in suffixes)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in source_paths()}


def layer_of(module: str) -> str | None:
    """The name in LAYERS that the module belongs to. "fluxdb" itself stands for the package's own file only."""
    if module == "fluxdb":
        return module
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 1, -1))
    return next((name for name in names if name in LEVEL_OF), None)


def imports_of(source: str, module: str, *, cython: bool, package: bool) -> Iterator[str]:
    """The modules of ours that a source imports, those at the top and those within functions."""
    for origin, names in cython_imports(source) if cython else python_imports(source):
        base = absolute(origin, module, package)
        if base.split(".")[0] != "fluxdb":
            continue
        for name in names or [""]:
            yield f"{base}.{name}" if f"{base}.{name}" in MODULES else base


def python_imports(source: str) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), [alias.name for alias in node.names]


def cython_imports(source: str) -> Iterator[tuple[str, list[str]]]:
    for match in CYTHON_FROM.finditer(source):
        names = re.sub(r"[()\\]|#[^\n]*", " ", match[2]).split(",")
        yield match[1], [name.split()[0] for name in names if name.strip()]
    for match in CYTHON_IMPORT.finditer(source):
        yield from ((name.split()[0], []) for name in match[1].split(",") if name.strip())


def absolute(origin: str, module: str, package: bool) -> str:
    dots = len(origin) - len(origin.lstrip("."))
    if not dots:
        return origin
    parts = module.split(".")
    parts = parts[: len(parts) - dots + package]
    return ".".join([*parts, origin[dots:]] if origin[dots:] else parts)


def breaches(source: str, module: str, *, cython: bool = False, package: bool = False) -> list[str]:
    """Return what goes against the layers in this source."""
    own = layer_of(module)
    if own is None:
        return [f"{module} is in no layer: give it a place in LAYERS"]
    found = []
    for target in imports_of(source, module, cython=cython, package=package):
        layer = layer_of(target)
        if layer is None:
            found.append(f"{module} imports {target}, which is in no layer")
        elif layer != own and LEVEL_OF[layer] >= LEVEL_OF[own]:
            found.append(f"{module} imports {target}, which lies above or beside it")
    return found


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """The modules that import each other in a circle, each circle sorted (Tarjan, 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for target in arrows.get(module, ()):
            if target not in number:
                visit(target)
            if target in stack:
                lowest[module] = min(lowest[module], lowest[target])
        if lowest[module] == number[module]:
            circle = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(circle) > 1:
                found.append(sorted(circle))

    for module in sorted(arrows):
        if module not in number:
            visit(module)
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    """A .pyx and its .pxd count as one; so do imports within functions and those for types only."""
    arrows: dict[str, set[str]] = {}
    for path in source_paths():
        name = module_name(path)
        cython = path.suffix in {".pyx", ".pxd"}
        if path.suffix != ".pyi":
            targets = imports_of(path.read_text(), name, cython=cython, package=path.stem == "__init__")
            arrows.setdefault(name, set()).update(target for target in targets if target in MODULES and target != name)
    assert circles(arrows) == []


def test_a_circle_is_noticed() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    assert circles({"a": {"b"}, "b": {"c"}}) == []


def test_imports_point_down() -> None:
    found = []
    for path in source_paths():
        cython = path.suffix in {".pyx", ".pxd"}
        found += breaches(path.read_text(), module_name(path), cython=cython, package=path.stem == "__init__")
    assert found == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fluxdb.storage.segment", "import fluxdb.engine.handle"),
        ("fluxdb.storage.segment", "def f():\n    from fluxdb.engine import handle"),
        ("fluxdb.storage.segment", "from ..engine import handle"),
        ("fluxdb.storage.segment", "import fluxdb"),
        ("fluxdb.storage.segment", "from fluxdb import engine"),
        ("fluxdb.errors", "from fluxdb.limits import Limits"),
        ("fluxdb.sync", "import fluxdb.aio"),
        ("fluxdb.nowhere", ""),
        ("fluxdb.storage.segment", "import fluxdb.nowhere"),
    ],
)
def test_a_breach_in_python_is_found(module: str, source: str) -> None:
    assert len(breaches(source, module)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from fluxdb.storage cimport segment",
        "    from fluxdb.storage.segment import name",
        "from ...storage cimport segment",
        "cimport libc.math, fluxdb.storage.segment as s",
        "from fluxdb.storage.segment cimport (\n    one,  # first\n    two,\n)",
    ],
)
def test_a_breach_in_cython_is_found(source: str) -> None:
    assert breaches(source, "fluxdb._core.log.frame", cython=True) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fluxdb.storage.segment", "from fluxdb.errors import StorageError\nimport fluxdb.limits\nimport os"),
        ("fluxdb.storage.segment", "from fluxdb.storage import recovery\nfrom . import snapshot"),
        ("fluxdb", "from fluxdb.sync import open\nfrom fluxdb import aio, errors"),
        ("fluxdb.cli.fluxdb.main", "import fluxdb\nfrom fluxdb.storage import recovery"),
    ],
)
def test_an_import_that_points_down_is_fine(module: str, source: str) -> None:
    assert breaches(source, module, package=module == "fluxdb") == []
