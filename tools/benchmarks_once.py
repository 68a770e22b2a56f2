"""Runs benchmarks of asv_bench once each, without asv and with little data: do they still work?

    python -m tools.benchmarks_once MODULE...       names in asv_bench/benchmarks; all of them where none is given

Of each benchmark the first and the last of its parameters are run. The data goes to the working folder.
"""

from __future__ import annotations

import importlib
import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "asv_bench"
KINDS = ("time_", "track_")


def module_names() -> list[str]:
    """Those that hold benchmarks."""
    return sorted(path.stem for path in (FOLDER / "benchmarks").glob("*.py") if path.stem not in ("__init__", "common"))


def classes(module: ModuleType) -> list[type]:
    """The classes of the module itself that hold benchmarks."""
    own = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    return [each for each in own if benchmarks(each)]


def benchmarks(cls: type) -> list[str]:
    return [name for name in dir(cls) if name.startswith(KINDS) and callable(getattr(cls, name))]


def parameters(cls: type) -> list[tuple[Any, ...]]:
    """Return the first and the last combination; () for none. As in asv, ``params`` has values, or lists of them."""
    params = getattr(cls, "params", ())
    if not params:
        return [()]
    axes = params if isinstance(params[0], (tuple, list)) else (params,)
    every = list(itertools.product(*axes))
    return [every[0], every[-1]] if len(every) > 1 else every


def run(cls: type) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    """Each benchmark of the class: its name, its parameters, what it returned."""
    made = cls()
    cached = [made.setup_cache()] if hasattr(made, "setup_cache") else []
    for name in benchmarks(cls):
        for each in parameters(cls):
            instance = cls()
            arguments = [*cached, *each]
            getattr(instance, "setup", nothing)(*arguments)
            try:
                yield name, each, getattr(instance, name)(*arguments)
            finally:
                getattr(instance, "teardown", nothing)(*arguments)


def nothing(*_: object) -> None:
    """Stand in for a missing setup or teardown."""


def main(names: list[str]) -> None:
    """Raises what a benchmark raises, and ValueError for one that tracks no number."""
    os.environ["FLUXDB_BENCH_QUICK"] = "1"
    sys.path.insert(0, str(FOLDER))
    for name in names or module_names():
        for cls in classes(importlib.import_module(f"benchmarks.{name}")):
            begin = time.monotonic()
            for benchmark, parameter, answer in run(cls):
                if benchmark.startswith("track_") and not answer > 0:
                    raise ValueError(f"{name}.{cls.__name__}.{benchmark}{parameter} gave {answer!r}")
            print(f"{name}.{cls.__name__} {time.monotonic() - begin:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
