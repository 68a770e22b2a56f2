"""db.backup, blocking and awaited: what a user sees of it."""

from __future__ import annotations

import asyncio
import signal
import threading
from pathlib import Path

import pytest

import fluxdb
from fluxdb.errors import ClosedError, StorageError
from tests.support.small_server import small_server


def fill(db: fluxdb.FluxDB, count: int = 300) -> None:
    for number in range(count):
        db.set(f"k{number}", {"n": number, "text": "x" * 1000})


def only_the_database(tmp_path: Path) -> bool:
    return {path.name for path in tmp_path.iterdir()} == {"db"}


@pytest.mark.guarantee(13)
def test_g13_a_backup_opens_like_the_database_and_goes_its_own_way(tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    with fluxdb.open(tmp_path / "db") as db:
        fill(db)
        db.delete("k7")
        revision = db.backup(tmp_path / "backups" / "monday", progress=lambda *so_far: done.append(so_far))
        db.set("k1", "later")
        with fluxdb.open(tmp_path / "backups" / "monday") as copy:
            assert copy.info()["revision"] == revision == 301
            assert copy.info()["database_id"] != db.info()["database_id"]
            assert copy.get("k1") == fluxdb.Document({"n": 1, "text": "x" * 1000}, 1)
            assert copy.get("k7") is None and copy.set("k7", 1) == 3
            assert db.get("k7") is None
    assert done[-1][0] == done[-1][1] > 300_000


def test_what_is_awaited_goes_on_beside_a_backup(tmp_path: Path) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(tmp_path / "db") as db:
            await asyncio.gather(*(db.set(f"k{number}", "x" * 1000) for number in range(300)))
            backup = asyncio.create_task(db.backup(tmp_path / "copy"))
            written = 0
            while not backup.done():
                await db.set("meanwhile", written)
                written += 1
            assert await backup >= 300 and written > 1
        async with fluxdb.aio.open(tmp_path / "copy", read_only=True) as copy:
            assert await copy.get("k299") == fluxdb.Document("x" * 1000, 1)
            assert await copy.backup(tmp_path / "copy of copy") == (await copy.info())["revision"]

    asyncio.run(main())


def test_a_database_that_is_only_read_can_be_backed_up(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path / "db") as db:
        fill(db, 10)
    with fluxdb.open(tmp_path / "db", read_only=True) as db:
        assert db.backup(tmp_path / "copy") == 10
    with fluxdb.open(tmp_path / "copy") as copy:
        assert copy.get("k9") is not None


def test_ctrl_c_ends_a_backup_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path / "db") as db:
        fill(db)
        main = threading.main_thread().ident
        assert main is not None

        def interrupt(done: int, total: int) -> None:
            signal.pthread_kill(main, signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            db.backup(tmp_path / "copy", progress=interrupt)
        assert only_the_database(tmp_path)
        assert db.backup(tmp_path / "copy") == 300


def test_a_task_that_is_cancelled_ends_its_backup(tmp_path: Path) -> None:
    async def main() -> None:
        async with fluxdb.aio.open(tmp_path / "db") as db:
            await asyncio.gather(*(db.set(f"k{number}", "x" * 1000) for number in range(300)))
            began, cancelled = asyncio.Event(), threading.Event()
            loop = asyncio.get_running_loop()

            def wait(done: int, total: int) -> None:
                loop.call_soon_threadsafe(began.set)
                assert cancelled.wait(30)

            backup = asyncio.create_task(db.backup(tmp_path / "copy", progress=wait))
            await began.wait()
            backup.cancel()
            with pytest.raises(asyncio.CancelledError):
                await backup
            cancelled.set()

    asyncio.run(main())
    assert only_the_database(tmp_path), "closing waited for its end"


def test_closed_is_closed(tmp_path: Path) -> None:
    db = fluxdb.open(tmp_path / "db")
    db.close()
    with pytest.raises(ClosedError):
        db.backup(tmp_path / "copy")


def test_over_a_connection_the_way_out_is_named(tmp_path: Path) -> None:
    with (
        small_server(tmp_path / "db") as server,
        fluxdb.open(server.url) as db,
        pytest.raises(StorageError, match="fluxdb backup DIR DEST"),
    ):
        db.backup(tmp_path / "copy")
    assert only_the_database(tmp_path)
