"""repair that is stopped by a fault at any of its steps can be run again, and nothing that was whole is lost."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fluxdb.errors import StorageError
from fluxdb.storage.repair.repair import repair_database
from tests.storage.folders import (
    SMALL,
    fill,
    flip,
    group_offsets,
    newest_snapshot,
    opened,
    put,
    refusal,
    segment_path,
)

STEPS: tuple[tuple[object, str], ...] = (
    (os, "fsync"),
    (os, "fdatasync"),
    (os, "pwrite"),
    (os, "posix_fallocate"),
    (Path, "rename"),
    (Path, "replace"),
    (Path, "hardlink_to"),
    (Path, "unlink"),
)


@contextmanager
def fault_at(nth: int) -> Iterator[list[str]]:
    """The nth call of all these fails; yields the names of those made."""
    calls: list[str] = []

    def failing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            calls.append(name)
            if len(calls) == nth:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(*arguments, **named)

        return call

    with pytest.MonkeyPatch.context() as patches:
        for owner, name in STEPS:
            patches.setattr(owner, name, failing(name, getattr(owner, name)))
        yield calls


def damaged_log(path: Path) -> None:
    fill(path, 3)
    flip(segment_path(path, 2), group_offsets(path, 2)[3].offset + 200)


def damaged_header(path: Path) -> None:
    fill(path, 3)
    flip(segment_path(path, 2), 20)


def damaged_snapshot(path: Path) -> None:
    fill(path, 3)
    with opened(path) as database:
        database.checkpoint()
        put(database, "behind")
    flip(newest_snapshot(path), 30)


def documents_after_repair(path: Path) -> dict[str, tuple[bytes, int] | None]:
    repair_database(path, SMALL)
    with opened(path) as database:
        return {key: database.documents.get(key) for key in ("last", "behind", *(f"key {n}" for n in range(40)))}


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("damage", [damaged_log, damaged_header, damaged_snapshot])
def test_g7_a_repair_that_failed_can_be_run_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(tmp_path / "db")
    refusal(tmp_path / "db")
    shutil.copytree(tmp_path / "db", tmp_path / "whole")
    expected = documents_after_repair(tmp_path / "whole")
    nth, finished = 0, False
    while not finished:
        nth += 1
        path = tmp_path / str(nth)
        shutil.copytree(tmp_path / "db", path)
        with fault_at(nth) as calls:
            try:
                repair_database(path, SMALL)
                finished = len(calls) < nth
            except StorageError:
                pass
        assert documents_after_repair(path) == expected, f"step {nth}: {calls[-1]}"
        shutil.rmtree(path)
    assert nth > 5
