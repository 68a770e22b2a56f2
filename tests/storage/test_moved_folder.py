"""A folder that is deleted, moved or replaced while its database is open."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fluxdb.errors import LockedError, StorageError
from fluxdb.storage.database import Database
from tests.storage.folders import SMALL, contents, digest_of, long_text, opened, put, segment_path
from tests.support.mounts import run, why_not

Displace = Callable[[Path], None]


def delete(place: Path) -> None:
    shutil.rmtree(place)


def move(place: Path) -> None:
    place.rename(place.parent / "moved")


def replace(place: Path) -> None:
    move(place)
    place.mkdir()


def put_a_file_there(place: Path) -> None:
    move(place)
    place.write_text("")


def move_a_folder_above(place: Path) -> None:
    place.parent.rename(place.parent.parent / "moved")


def delete_what_is_in_it(place: Path) -> None:
    for file in place.iterdir():
        file.unlink()


def restore_over_it(place: Path) -> None:
    """As a backup is restored: another file gets the name."""
    log = segment_path(place, 1)
    log.with_suffix(".copy").write_bytes(log.read_bytes())
    log.with_suffix(".copy").replace(log)


DISPLACED: dict[str, tuple[Displace, str]] = {
    "deleted": (delete, "was deleted while"),
    "moved": (move, "was moved while"),
    "replaced": (replace, "was replaced by another folder"),
    "a file in its place": (put_a_file_there, "was replaced by another folder"),
    "a folder above moved": (move_a_folder_above, "was moved while"),
    "emptied": (delete_what_is_in_it, "log-0000000000000001 was deleted or moved"),
    "log replaced": (restore_over_it, "log-0000000000000001 was replaced"),
}


@pytest.mark.guarantee(2, 10)
@pytest.mark.parametrize(("displace", "words"), DISPLACED.values(), ids=DISPLACED)
def test_g10_writes_are_refused_once_the_folder_is_not_in_its_place_and_reads_go_on(
    tmp_path: Path, displace: Displace, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "above" / "db"
    with opened(place) as database:
        put(database, "k")
        database.look()
        assert database.info()["displaced"] is None
        displace(place)
        database.look()
        with pytest.raises(StorageError, match=f"{words}.*; nothing was written"):
            put(database, "k")
        with pytest.raises(StorageError, match=words):
            database.checkpoint()
        assert words.split(" ")[-1] in str(database.info()["displaced"])
        assert database.documents.get("k") == (b"1", 1)
        database.look()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "no more writes are accepted" in record.message


@pytest.mark.guarantee(10)
def test_g10_a_second_owner_of_the_path_is_noticed(tmp_path: Path) -> None:
    place = tmp_path / "db"
    with opened(place) as database:
        put(database, "k")
        delete(place)
        with opened(place) as other:
            put(other, "k")
            before = contents(place)
            with pytest.raises(StorageError, match="was replaced by another folder"):
                database.checkpoint()
            with pytest.raises(StorageError, match="was replaced by another folder"):
                put(database, "k")
            assert contents(place) == before


@pytest.mark.guarantee(2, 10)
def test_g10_a_folder_that_is_moved_is_still_owned_and_takes_writes_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place, moved = tmp_path / "db", tmp_path / "moved"
    with opened(place) as database:
        for _ in range(20):
            put(database, "k", long_text(4000))
        move(place)
        with pytest.raises(LockedError):
            Database.open(moved, SMALL)
        with pytest.raises(StorageError, match="was moved while the database was open: put it back"):
            database.checkpoint()
        moved.rename(place)
        database.look()
        put(database, "k")
        assert database.checkpoint() == 21
        digest = database.documents.digest()
    assert digest_of(place) == digest
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "is in its place again" in caplog.records[1].message


def test_a_link_that_leads_elsewhere_displaces_the_folder(tmp_path: Path) -> None:
    way = tmp_path / "way"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    way.symlink_to("one")
    with opened(way) as database:
        put(database, "k")
        way.unlink()
        way.symlink_to("two")
        database.look()
        with pytest.raises(StorageError, match="was replaced"):
            put(database, "k")
        way.unlink()
        way.symlink_to("one")
        database.look()
        put(database, "k")


def test_another_way_to_the_same_folder_displaces_nothing(tmp_path: Path) -> None:
    place, moved = tmp_path / "db", tmp_path / "moved"
    with opened(place) as database:
        put(database, "k")
        place.rename(moved)
        place.symlink_to("moved")
        database.look()
        put(database, "k")
        assert database.checkpoint() == 2


@pytest.mark.root
def test_a_mount_that_hides_the_folder_displaces_it(tmp_path: Path) -> None:
    reason = why_not("tmpfs")
    if reason:
        pytest.skip(f"NOT TESTED under a mount: {reason}")
    place = tmp_path / "db"
    with opened(place) as database:
        put(database, "k")
        try:
            run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)])
        except OSError as error:
            pytest.skip(f"NOT TESTED under a mount: {error}")
        try:
            database.look()
            with pytest.raises(StorageError, match="was replaced"):
                put(database, "k")
        finally:
            run(["umount", str(place)])
        database.look()
        put(database, "k")


def test_a_path_that_can_not_be_looked_at_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path / "db") as database:

        def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
            raise PermissionError(13, "Permission denied")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "stat", stat)
            database.look()
        put(database, "k")


def test_segments_that_come_and_go_displace_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "db") as database:
        for number in range(200):
            put(database, "k", long_text(9000))
            if number % 20 == 19:
                database.checkpoint()
            database.look()
            assert database.info()["displaced"] is None
        assert database.committer.stats()["rotations"] > 10
