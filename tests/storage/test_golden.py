"""Folders that earlier versions wrote open for good: each archive in tests/golden holds one, made by make.py there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fluxdb.storage.repair.check import check_database
from tests.golden.make import HERE, LIMITS, STATE_NAME
from tests.storage.folders import opened, put

ARCHIVES = sorted(HERE.glob("*.tar.gz"))


@pytest.mark.guarantee(6)
@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.name.split(".")[0])
def test_g6_a_folder_of_an_earlier_format_opens_to_its_state_and_goes_on(tmp_path: Path, archive: Path) -> None:
    shutil.unpack_archive(archive, tmp_path, filter="data")
    holds = json.loads((tmp_path / STATE_NAME).read_text())
    (tmp_path / STATE_NAME).unlink()
    assert check_database(tmp_path, LIMITS).state == holds
    with opened(tmp_path, LIMITS) as database:
        assert database.documents.digest() == holds["digest"]
        assert database.documents.get("nul \0 and \u00e9\u20ac") == (b"null", 1)
        put(database, "more")
        database.checkpoint()
        digest = database.documents.digest()
    with opened(tmp_path, LIMITS) as database:
        assert database.documents.digest() == digest


def test_there_is_an_archive_of_every_earlier_snapshot_format() -> None:
    assert "snapshot-format-1.tar.gz" in [archive.name for archive in ARCHIVES]
