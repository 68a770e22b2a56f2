"""The folder of a benchmark's data."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxdb.bench.folder import folder_for, memory_filesystem


def test_a_temporary_folder_goes_whatever_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyError), folder_for(None) as folder:
        (folder / "file").touch()
        assert folder.parent.resolve() == tmp_path.resolve()
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_chosen_stays(tmp_path: Path) -> None:
    with folder_for(tmp_path) as folder:
        (folder / "file").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="NOT RUN: needs a tmpfs at /dev/shm")
def test_memory_is_told_from_a_disk() -> None:
    assert memory_filesystem(Path("/dev/shm/not/there")) == "tmpfs"
    assert memory_filesystem(Path("/proc")) is None
