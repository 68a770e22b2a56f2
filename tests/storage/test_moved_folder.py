"""A folder that was moved, or replaced, while its database is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxdb.errors import StorageError
from tests.storage.folders import contents, digest_of, long_text, opened, put


@pytest.mark.guarantee(2, 10)
def test_g10_a_checkpoint_touches_no_folder_that_took_the_place_of_its_own(tmp_path: Path) -> None:
    place, moved = tmp_path / "db", tmp_path / "moved"
    with opened(place) as database:
        for _ in range(20):
            put(database, "k", long_text(4000))
        place.rename(moved)
        with opened(place) as other:
            put(other, "k")
            before = contents(place)
            with pytest.raises(StorageError, match="moved, or replaced"):
                database.checkpoint()
            assert contents(place) == before
        put(database, "k")  # goes to the folder that was opened
        digest = database.documents.digest()
    assert digest_of(moved) == digest


def test_a_folder_that_is_gone_is_told_by_the_checkpoint(tmp_path: Path) -> None:
    with opened(tmp_path / "db") as database:
        put(database, "k")
        (tmp_path / "db").rename(tmp_path / "moved")
        with pytest.raises(StorageError, match="moved, or replaced"):
            database.checkpoint()
        (tmp_path / "moved").rename(tmp_path / "db")
        assert database.checkpoint() == 1
