"""Opening by a name: one that does not look like a folder makes none."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import fluxdb
from fluxdb import Document, StorageError
from fluxdb.errors import LockedError
from fluxdb.target import folder_path, is_url, why_no_folder

NO_FOLDERS = {
    "": "empty",
    ":memory:": "TemporaryDirectory|tempfile",
    "127.0.0.1:7000": "fluxdb://127.0.0.1:7000",
    "localhost:7000": "fluxdb://localhost:7000",
    "db_1.example.com:7000": "fluxdb://db_1.example.com:7000",
    "[::1]:7000": r"fluxdb://\[::1\]:7000",
    ":7000": "address of a server",
    "fluxdb:127.0.0.1:7000": "begin with fluxdb://",
    "fluxdbs:host": "begin with fluxdb://",
    "FLUXDB+UNIX:/run/s": "begin with fluxdb://",
    " fluxdb://127.0.0.1:7000": "white space",
    "fluxdb-data ": "white space",
    "data\n": "white space",
    '"fluxdb://127.0.0.1:7000"': "quotes",
    "'data'": "quotes",
    "x/fluxdb://127.0.0.1": "looks like an address",
    "~/data": "expanduser",
    "~": "expanduser",
    "~nobody/data": "expanduser",
    "$HOME/data": "expandvars",
    "${DATA_DIR}": "expandvars",
}
FOLDERS = ["data", ".", "./127.0.0.1:7000", "./~", "a:b", "a:1/b", "12:30:15", "/srv/data:1", "x~", "a $b", "données"]


@pytest.fixture(autouse=True)
def _within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def _open(name: str | Path) -> None:
    async with fluxdb.aio.open(name):
        pass


@pytest.mark.parametrize(("name", "told"), NO_FOLDERS.items(), ids=map(repr, NO_FOLDERS))
def test_what_looks_like_no_folder_becomes_none_and_the_way_out_is_named(name: str, told: str, tmp_path: Path) -> None:
    assert not is_url(name)
    with pytest.raises(ValueError, match=told):
        fluxdb.open(name)
    with pytest.raises(ValueError, match=told):
        fluxdb.open(name, read_only=True)
    with pytest.raises(ValueError, match=told):
        asyncio.run(_open(name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FOLDERS)
def test_what_looks_like_a_folder_is_one(name: str) -> None:
    assert why_no_folder(name) == ""
    assert folder_path(name) == Path(name)


@pytest.mark.parametrize("name", ["127.0.0.1:7000", "fluxdb:host", " data", ":memory:", "a://b"])
def test_a_path_object_is_a_path_whatever_its_name_looks_like(name: str, tmp_path: Path) -> None:
    with fluxdb.open(Path(name)) as db:
        assert db.set("k", 1) == 1
    assert (tmp_path / name).is_dir()


def test_a_path_object_that_begins_with_the_home_sign_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expanduser"):
        fluxdb.open(Path("~/data"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["fluxdb://:p/ss@h", "fluxdb://:p@ss#w@h", "fluxdb://:50%/x@h:1"])
def test_a_password_that_breaks_an_address_is_not_shown_and_the_way_to_write_it_is(name: str) -> None:
    with pytest.raises(ValueError, match="percent-encoded, or it is given as password=") as caught:
        fluxdb.open(name)
    assert "ss" not in str(caught.value).replace("address", "").replace("password", "").replace("is", "")


# A folder of other things.


@pytest.mark.parametrize("create", [True, False])
def test_a_folder_full_of_other_things_becomes_no_database(tmp_path: Path, create: bool) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]")
    (tmp_path / "src").mkdir()
    with pytest.raises(StorageError, match="no database"):
        fluxdb.open(tmp_path, create=create)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pyproject.toml", "src"]


def test_the_folder_of_another_store_that_has_a_lock_too_becomes_no_database(tmp_path: Path) -> None:
    for name, text in {"LOCK": "", "CURRENT": "MANIFEST-000001\n", "000003.log": ""}.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(StorageError, match="and 1 more but no database"):
        fluxdb.open(tmp_path)
    assert (tmp_path / "LOCK").read_text() == ""


def test_what_a_new_disk_and_a_repository_leave_in_an_empty_folder_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".gitkeep").write_text("")
    with fluxdb.open(tmp_path) as db:
        db.set("k", 1)
    (tmp_path / "notes.txt").write_text("mine")  # beside a database, anything may lie
    with fluxdb.open(tmp_path) as db:
        assert db.get("k") == Document(1, 1)


# create=False


def test_without_create_a_database_that_is_not_there_is_an_error_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("missing", "empty", "missing/deeper"):
        with pytest.raises(StorageError, match="there is no database"):
            fluxdb.open(tmp_path / name, create=False)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert list((tmp_path / "empty").iterdir()) == []


def test_without_create_a_database_that_is_there_opens(tmp_path: Path) -> None:
    with fluxdb.open("data") as db:
        assert db.info()["recovery"]["created"] is True
    with fluxdb.open("data", create=False) as db:
        assert db.info()["recovery"]["created"] is False
        assert db.set("k", 1) == 1


# Places that can't be reached.


def test_a_relative_folder_in_a_current_folder_that_was_deleted_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    for read_only in (False, True):
        with pytest.raises(StorageError, match="current folder was deleted"):
            fluxdb.open("data", read_only=read_only)


def test_a_link_to_a_disk_that_is_not_mounted_is_told_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to("/nowhere/disk")
    with pytest.raises(StorageError, match="is a link to /nowhere/disk, and no folder is there"):
        fluxdb.open("data")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StorageError, match="is a link to loop, and no folder is there"):
        fluxdb.open("loop")


def test_a_folder_that_this_process_has_open_is_told_apart_from_one_of_another() -> None:
    with fluxdb.open("data"), pytest.raises(LockedError, match="is already open in this process: use that database"):
        fluxdb.open("data")
