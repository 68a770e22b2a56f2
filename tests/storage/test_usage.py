"""An open database's report of its use of the machine."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

import fluxdb
from fluxdb.storage.offline import database_info
from fluxdb.storage.system.usage import Usage, memory_bytes

FIRST = ["path", "keys", "revision", "data_bytes", "disk_bytes", "memory_bytes", "uptime_seconds"]


def disk_usage(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.iterdir())


def test_what_is_stored_and_what_it_takes_comes_first(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path / "db") as db:
        db.set("a", 1)
        info = db.info()
    assert list(info)[: len(FIRST)] == FIRST
    with fluxdb.open(tmp_path / "db", read_only=True) as db:
        assert list(db.info())[: len(FIRST)] == FIRST
    assert list(database_info(tmp_path / "db"))[:5] == FIRST[:5]


def test_the_disk_is_measured_when_files_come_and_go(tmp_path: Path) -> None:
    folder = tmp_path / "db"
    with fluxdb.open(folder) as db:
        assert db.info()["disk_bytes"] > 0
        for number in range(40):
            db.set(f"k{number}", "x" * 10_000)
        db.checkpoint()
        deadline = time.monotonic() + 30
        while db.info()["disk_bytes"] != disk_usage(folder) and time.monotonic() < deadline:
            time.sleep(0.01)  # the next segment is being allocated
        assert db.info()["disk_bytes"] == disk_usage(folder) >= 400_000
    assert database_info(folder)["disk_bytes"] == disk_usage(folder)


def test_asking_does_not_touch_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = Usage(tmp_path)

    def fail(*arguments: object) -> None:
        raise AssertionError("the disk hangs")

    monkeypatch.setattr(os, "scandir", fail)
    assert usage.members()["disk_bytes"] == 0


def test_a_folder_that_is_gone_leaves_the_figure(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "file").write_bytes(b"x" * 100_000)
    usage = Usage(tmp_path / "db")
    before = usage.members()["disk_bytes"]
    subprocess.run(["rm", "-r", str(tmp_path / "db")], check=True)
    usage.measure()
    assert usage.members()["disk_bytes"] == before > 0


def test_memory_is_that_of_the_process_and_uptime_begins_with_the_opening(tmp_path: Path) -> None:
    usage = Usage(tmp_path)
    assert usage.members()["uptime_seconds"] == 0
    usage._opened_at -= 90
    assert usage.members()["uptime_seconds"] >= 90
    before = memory_bytes()
    block = b"x" * (64 << 20)
    assert memory_bytes() > before + (32 << 20)
    assert len(block)
