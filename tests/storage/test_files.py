"""Only regular files are opened in a database folder, and no links are followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fluxdb.errors import StorageError
from fluxdb.storage.layout import LOCK_NAME, NOTE_NAME
from fluxdb.storage.offline import read_database
from fluxdb.storage.system.durable import write_all
from fluxdb.storage.system.files import create_private, open_file, read_only
from tests.storage.folders import opened, put

VICTIM = b"precious data of 31 characters!"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "victim").write_bytes(VICTIM)
    with opened(tmp_path / "db") as database:
        put(database, "k")
        put(database, "k")
    return tmp_path / "db"


def replace(path: Path, what: str) -> None:
    path.unlink(missing_ok=True)
    if what == "a link":
        path.symlink_to("../victim")
    elif what == "a link to nothing":
        path.symlink_to("nothing")
    elif what == "a link to a device":
        path.symlink_to(os.devnull)
    elif what == "a named pipe":
        os.mkfifo(path)
    else:
        path.mkdir()


@pytest.mark.parametrize("what", ["a link", "a link to nothing", "a link to a device", "a named pipe", "a folder"])
def test_a_lock_that_is_no_file_is_named_and_left_alone(folder: Path, what: str) -> None:
    lock = folder / LOCK_NAME
    replace(lock, what)
    for use in (lambda: opened(folder).__enter__(), lambda: read_database(folder)):
        with pytest.raises(StorageError, match=f"LOCK is {what.split(' to ')[0]}.*: move it out of the folder"):
            use()
    assert (folder.parent / "victim").read_bytes() == VICTIM
    assert not (folder / "nothing").exists()
    assert lock.is_symlink() == what.startswith("a link")
    lock.rmdir() if what == "a folder" else lock.unlink()
    with opened(folder) as database:
        assert database.documents.position.revision == 2


@pytest.mark.parametrize("name", ["log-0000000000000001", "snapshot-00000000000000000002"])
def test_a_database_file_that_is_a_link_is_refused(folder: Path, name: str) -> None:
    with opened(folder) as database:
        database.checkpoint()
    file = folder / name
    whole = file.read_bytes()
    file.rename(folder.parent / "moved")
    file.symlink_to("../moved")
    with pytest.raises(StorageError, match=f"{name} has the name of a database file but is not one"), opened(folder):
        pass
    assert (folder.parent / "moved").read_bytes() == whole


@pytest.mark.parametrize("what", ["a link", "a link to nothing", "a named pipe"])
def test_a_leftover_that_is_no_file_is_not_opened(folder: Path, what: str) -> None:
    names = [NOTE_NAME, "log.spare", "segment.tmp", "snapshot-00000000000000000003.tmp"]
    for name in names:
        replace(folder / name, what)
    with opened(folder) as database:
        put(database, "k")
        with pytest.raises(StorageError, match=r"snapshot-00000000000000000003\.tmp is a"):
            database.checkpoint()
    assert (folder.parent / "victim").read_bytes() == VICTIM
    assert not (folder / "nothing").exists()


def test_no_way_of_opening_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(VICTIM)
    (tmp_path / "link").symlink_to("victim")
    for way in (read_only, create_private, lambda path: open_file(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)):
        with pytest.raises(OSError, match="link is a link to victim, and links are not followed"):
            way(tmp_path / "link")
    assert (tmp_path / "victim").read_bytes() == VICTIM


def test_a_folder_may_be_reached_over_a_link(folder: Path) -> None:
    (folder.parent / "way").symlink_to(folder.name)
    with opened(folder.parent / "way") as database:
        assert database.documents.position.revision == 2


def test_a_file_that_is_made_is_private(tmp_path: Path) -> None:
    with open_file(tmp_path / "a", os.O_RDWR | os.O_CREAT) as made, create_private(tmp_path / "b") as other:
        write_all(made.fileno(), b"x", 0)
        assert other.fileno() != made.fileno()
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in "ab"] == [0o600, 0o600]
