"""A disk that is really full, a folder that really can't be written (G5, G9)."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import fluxdb
from fluxdb import Document
from fluxdb.errors import DiskFullError, StorageError
from fluxdb.limits import MIB
from fluxdb.storage.dump.dump import dump_database
from fluxdb.storage.dump.load import load_database
from tests.support.mounts import fill, mounted, run, why_not
from tests.support.script import LIMITS, sectors
from tests.support.worker import Worker

pytestmark = [pytest.mark.root]
NOBODY = 65534


@pytest.fixture(params=["tmpfs", "ext4"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    reason = why_not(request.param)
    if reason:
        pytest.skip(f"NOT TESTED on a full {request.param}: {reason}")
    try:
        with mounted(request.param, tmp_path, 16) as point:
            yield point
    except OSError as error:
        if "umount" in str(error):
            raise
        pytest.skip(f"NOT TESTED on a full {request.param}: {error}")


@pytest.mark.guarantee(5)
def test_g5_a_full_disk_refuses_writes_and_takes_them_again_once_there_is_room(small_disk: Path) -> None:
    acknowledged: dict[str, str] = {}
    with fluxdb.open(small_disk / "db", limits=LIMITS) as db:
        db.set("first", 1)
        filler = fill(small_disk)
        refused = 0
        for i in range(20):
            try:
                db.set(f"k{i}", sectors(20))
                acknowledged[f"k{i}"] = sectors(20)
            except DiskFullError as error:  # noqa: PERF203
                refused += 1
                assert not error.maybe_applied
                assert db.get(f"k{i}") is None
        assert refused >= 14, "the segment had room for more than it can have"
        assert db.get("first") == Document(1, 1), "reads go on"
        db.set("small", 1)  # what still fits in the segment is still taken
        filler.unlink()
        for i in range(20):
            db.set(f"later{i}", sectors(20))
            acknowledged[f"later{i}"] = sectors(20)
    with fluxdb.open(small_disk / "db", limits=LIMITS) as db:
        assert {key: document.value for key in acknowledged if (document := db.get(key))} == acknowledged
        assert db.info()["keys"] == len(acknowledged) + 2
        assert db.get("k19") is None


@pytest.mark.guarantee(5)
def test_g5_a_full_disk_is_not_filled_and_emptied_again_by_each_refused_write(small_disk: Path) -> None:
    """An attempt makes a file and removes it, which the time of the folder shows."""
    path = small_disk / "db"
    with fluxdb.open(path, limits=LIMITS) as db:
        filler = fill(small_disk)
        with pytest.raises(DiskFullError):
            while True:
                db.set("k", sectors(20))
        begun = time.monotonic()
        attempts = set()
        for _ in range(60):
            with pytest.raises(DiskFullError):
                db.set("k", sectors(20))
            attempts.add(path.stat().st_mtime_ns)
            time.sleep(0.005)  # more than one tick of the file system's clock
        assert len(attempts) <= (time.monotonic() - begun) / 0.1 + 2
        filler.unlink()
        db.set("k", sectors(20))


def test_a_small_database_lives_and_is_loaded_on_a_disk_of_one_mebibyte(tmp_path: Path) -> None:
    reason = why_not("tmpfs")
    if reason:
        pytest.skip(f"NOT TESTED on a small disk: {reason}")
    out = io.BytesIO()
    with mounted("tmpfs", tmp_path, 1) as disk:
        with fluxdb.open(disk / "db") as db:
            for i in range(100):
                db.set(f"k{i}", sectors(4))
            db.checkpoint()
        dump_database(disk / "db", out.write)
        load_database(disk / "loaded", io.BytesIO(out.getvalue()))
        with fluxdb.open(disk / "loaded") as db:
            assert db.info()["keys"] == 100
            db.set("more", 1)


def test_load_needs_little_more_room_than_the_dump_and_leaves_nothing_where_less_is_free(
    small_disk: Path,
) -> None:
    lines = b"".join(b'{"key":"k%d","value":"%b"}\n' % (number, b"x" * 1000) for number in range(2000))
    filler = fill(small_disk)
    before = sorted(small_disk.iterdir())
    os.truncate(filler, filler.stat().st_size - MIB)
    with pytest.raises(DiskFullError):
        load_database(small_disk / "loaded", io.BytesIO(lines))
    assert sorted(small_disk.iterdir()) == before
    os.truncate(filler, filler.stat().st_size - 3 * MIB // 2)
    assert load_database(small_disk / "loaded", io.BytesIO(lines)).documents == 2000
    filler.unlink()
    with fluxdb.open(small_disk / "loaded") as db:
        assert db.info()["keys"] == 2000


@pytest.mark.guarantee(9)
def test_g9_a_checkpoint_on_a_full_disk_fails_and_keeps_the_old_snapshot(small_disk: Path) -> None:
    path = small_disk / "db"
    with fluxdb.open(path, limits=LIMITS) as db:
        for i in range(10):
            db.set(f"k{i}", sectors(40))
        db.checkpoint()
        snapshots = sorted(path.glob("snapshot-*"))
        db.set("more", sectors(40))
        filler = fill(small_disk)
        with pytest.raises(DiskFullError):
            db.checkpoint()
        assert sorted(path.glob("snapshot-*")) == snapshots, "the old one, and nothing unfinished"
        db.set("small", 1)
    with fluxdb.open(path, limits=LIMITS) as db:
        assert db.info()["keys"] == 12, "it can be opened on a full disk, too"
        filler.unlink()
        assert db.checkpoint() == 12
    with fluxdb.open(path, limits=LIMITS) as db:
        assert db.info()["keys"] == 12


@pytest.mark.guarantee(5)
def test_g5_a_new_database_on_a_full_disk_is_refused_and_the_next_try_works(small_disk: Path) -> None:
    (small_disk / "db").mkdir()
    filler = fill(small_disk)
    with pytest.raises(DiskFullError):
        fluxdb.open(small_disk / "db", limits=LIMITS)
    filler.unlink()
    with fluxdb.open(small_disk / "db", limits=LIMITS) as db:
        assert db.set("a", 1) == 1


def test_a_read_only_disk_is_refused_with_a_storage_error_and_left_as_it_is(small_disk: Path) -> None:
    path = small_disk / "db"
    with fluxdb.open(path, limits=LIMITS) as db:
        db.set("a", 1)
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    run(["mount", "-o", "remount,ro", str(small_disk)])
    with pytest.raises(StorageError) as refused:
        fluxdb.open(path, limits=LIMITS)
    assert type(refused.value) is StorageError
    with pytest.raises(StorageError):
        fluxdb.open(small_disk / "new", limits=LIMITS)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before
    run(["mount", "-o", "remount,rw", str(small_disk)])
    with fluxdb.open(path, limits=LIMITS) as db:
        assert db.get("a") == Document(1, 1)


def open_as_nobody(path: str) -> str:
    """Runs in a worker, which is of no use afterwards."""
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        fluxdb.open(path, limits=LIMITS).close()
    except StorageError as error:
        return type(error).__name__
    return "opened"


def test_a_folder_of_another_user_is_refused_with_a_storage_error(worker: Worker, memory_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED for another user: needs root")
    path = memory_path / "db"
    with fluxdb.open(path, limits=LIMITS) as db:
        db.set("a", 1)
    memory_path.chmod(0o755)
    path.chmod(0o755)
    assert worker.call(f"{__name__}:open_as_nobody", path=str(path)) == "StorageError"
    with fluxdb.open(path, limits=LIMITS) as db:
        assert db.get("a") == Document(1, 1)
