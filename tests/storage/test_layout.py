"""Names in a database folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxdb.errors import CorruptionError, StorageError
from fluxdb.storage.layout import list_folder, snapshot_name


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def test_files_are_told_by_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "log-0000000000000002", "log-0000000000000001", snapshot_name(5), snapshot_name(70), "LOCK")
    touch(tmp_path, "log.spare", "segment.tmp", "notes.txt", "log-0000000000000003.broken", "log-file")
    touch(tmp_path, "torn-tail.tmp", "snapshot-00000000000000000009.tmp", "draft.tmp", "snapshot-9.tmp")
    folder = list_folder(tmp_path)
    assert folder.segments == [1, 2]
    assert folder.snapshots == [70, 5]
    assert folder.leftovers == ["log.spare", "segment.tmp", "snapshot-00000000000000000009.tmp", "torn-tail.tmp"]
    others = ["LOCK", "draft.tmp", "log-0000000000000003.broken", "log-file", "notes.txt", "snapshot-9.tmp"]
    assert folder.others == others


def test_numbers_of_twenty_digits_are_no_trouble(tmp_path: Path) -> None:
    touch(tmp_path, snapshot_name(2**64 - 1))
    assert list_folder(tmp_path).snapshots == [2**64 - 1]


@pytest.mark.parametrize("name", ["log-1", "log-00000000000000001", "log-0000000000000000", "snapshot-5"])
def test_one_of_our_names_written_otherwise_is_refused(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    with pytest.raises(CorruptionError) as caught:
        list_folder(tmp_path)
    assert caught.value.segment == name


def test_a_folder_with_the_name_of_a_segment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log-0000000000000001").mkdir()
    with pytest.raises(StorageError, match="is not one"):
        list_folder(tmp_path)


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="check the path"):
        list_folder(tmp_path / "nowhere")
