"""db.backup, blocking and awaited: what a user sees of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import fluxdb
from fluxdb.errors import ClosedError, StorageError
from fluxdb.net.listener import listen_tcp, listen_unix
from fluxdb.net.server import Server
from fluxdb.opening import open_engine


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


@contextlib.contextmanager
def server_with_unix_socket(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URLs of its TCP port and of its Unix socket."""
    path = tmp_path / "s"
    engine = open_engine(tmp_path / "db", fluxdb.Limits())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[Server, int]:
        server = Server(engine)
        listening = listen_tcp("127.0.0.1", 0)
        port = listening.getsockname()[1]
        server.listen(listening)
        server.listen(listen_unix(path))
        return server, port

    try:
        server, port = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
        try:
            yield f"fluxdb://127.0.0.1:{port}", f"fluxdb+unix://{path}"
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
        engine.close()


@pytest.mark.guarantee(13)
def test_g13_a_server_backs_up_for_clients_on_its_machine_while_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with server_with_unix_socket(tmp_path) as (tcp, unix):
        with fluxdb.open(unix) as db:
            fill(db, 20)
            assert db.backup("copies/one") == 20, "relative to the client's folder"
            db.set("k1", "later")
            with pytest.raises(StorageError, match="is not empty"):
                db.backup(tmp_path / "copies" / "one")
            with pytest.raises(StorageError, match="NUL"):
                db.backup("a\0b")

        async def awaited() -> int:
            async with fluxdb.aio.open(unix) as db:
                return await db.backup(tmp_path / "copies" / "two")

        assert asyncio.run(awaited()) == 21
        with fluxdb.open(tcp) as db, pytest.raises(StorageError, match=r"Unix socket.*fluxdb backup DIR DEST"):
            db.backup(tmp_path / "three")
        with socket.create_connection(("127.0.0.1", int(tcp.rpartition(":")[2]))) as raw:
            raw.sendall(b'{"kind":"backup","folder":"%b","id":7}\n' % bytes(tmp_path / "three"))
            reply = json.loads(raw.makefile().readline())
        assert (reply["kind"], reply["code"], reply["id"]) == ("error", "storage", 7), "whatever the client is"
    assert not (tmp_path / "three").exists()
    for name, revision, value in (("one", 20, {"n": 1, "text": "x" * 1000}), ("two", 21, "later")):
        with fluxdb.open(tmp_path / "copies" / name) as copy:
            found = copy.get("k1")
            assert copy.info()["revision"] == revision and found is not None and found.value == value


@pytest.mark.parametrize("folder", ['"relative"', "1", "null", '"/a\\u0000b"'])
def test_a_folder_that_a_server_can_not_place_is_rejected(tmp_path: Path, folder: str) -> None:
    with server_with_unix_socket(tmp_path), socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(tmp_path / "s"))
        raw.sendall(b'{"kind":"backup","folder":%b}\n{"kind":"backup"}\n' % folder.encode())
        replies = raw.makefile()
        for _ in range(2):
            assert json.loads(replies.readline())["kind"] == "error"
