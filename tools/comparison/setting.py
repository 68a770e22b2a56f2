"""The setting of a run: where its data is, how large it is, and the folders that several figures share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tools.comparison import machine

T = TypeVar("T")

CHILD_SECONDS_MAX = 900


class Setting:
    """One run. ``quick`` makes everything so small that its numbers only show that the harness works."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.folder = folder
        self.quick = quick
        self.documents = self.pick(1_000_000, 20_000)
        self.build_facts: dict[str, Any] = {}
        self._made: dict[Hashable, Any] = {}

    def once(self, what: Hashable, make: Callable[[], T]) -> T:
        """Return the result of the first call of ``make``: for figures that are two sides of one run."""
        if what not in self._made:
            self._made[what] = make()
        made: T = self._made[what]
        return made

    def pick(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    @contextmanager
    def fresh(self, name: str) -> Iterator[Path]:
        """A new empty folder, removed at the end."""
        path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def logged(self) -> Path:
        """A database of ``documents`` documents whose log was never checkpointed. Made once in a run."""
        path = self.folder / "logged"
        if not path.exists():
            with self.fresh("build") as unfinished:
                made = unfinished / "db"
                self.build_facts = self.child("builds:build", folder=str(made), count=self.documents)
                made.rename(path)
        return path

    def snapshotted(self) -> Path:
        """The same database after a checkpoint. Made once in a run."""
        path = self.folder / "snapshotted"
        if not path.exists():
            with self.fresh("build") as unfinished:
                made = unfinished / "db"
                shutil.copytree(self.logged(), made)
                self.child("builds:checkpoint", folder=str(made))
                made.rename(path)
        return path

    def child(self, function: str, **arguments: object) -> dict[str, Any]:
        """Run ``function`` ("module:name" in this package) in a separate process; return its result."""
        command = [sys.executable, "-m", "tools.comparison.builds", function, json.dumps(arguments)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.folder,  # python -m puts the working folder first on its path
            timeout=CHILD_SECONDS_MAX,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{function} failed in its own process:\n{done.stderr[-2000:]}")
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer


@contextmanager
def open_setting(parent: Path, *, quick: bool) -> Iterator[Setting]:
    """A setting in a new folder below ``parent``, which is removed at the end. Raises NotADiskError."""
    machine.require_disk(parent)
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="fluxdb-compare-", dir=parent))
    try:
        yield Setting(folder, quick=quick)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
