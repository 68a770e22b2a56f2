"""Folders that earlier versions wrote open for good: each archive in tests/golden holds one, made by make.py there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import fluxdb
from fluxdb.storage.dump.dump import dump_database
from fluxdb.storage.repair.check import check_database
from tests.golden.make import DUMP_NAME, HERE, LIMITS, STATE_NAME
from tests.storage.folders import contents, opened, put

ARCHIVES = sorted(HERE.glob("*.tar.gz"))
each_archive = pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.name.split(".")[0])


class Golden(NamedTuple):
    """A folder from an archive, and what it must hold."""

    path: Path
    state: dict[str, Any]
    dump: bytes | None


@pytest.fixture
def golden(tmp_path: Path, archive: Path) -> Golden:
    path = tmp_path / "folder"
    shutil.unpack_archive(archive, path, filter="data")
    state = json.loads((path / STATE_NAME).read_text())
    (path / STATE_NAME).unlink()
    noted_dump = path / DUMP_NAME
    dump = noted_dump.read_bytes() if noted_dump.exists() else None
    noted_dump.unlink(missing_ok=True)
    return Golden(path, state, dump)


def dump_of(path: Path) -> bytes:
    lines: list[bytes] = []
    dump_database(path, lines.append, LIMITS)
    return b"".join(lines)


@pytest.mark.guarantee(6)
@each_archive
def test_g6_a_folder_of_an_earlier_format_opens_to_its_state_and_goes_on(archive: Path, golden: Golden) -> None:
    report = check_database(golden.path, LIMITS)
    assert (report.state, [finding for finding in report.findings if finding.is_damage]) == (golden.state, [])
    with opened(golden.path, LIMITS) as database:
        assert database.documents.digest() == golden.state["digest"]
        version, _ = put(database, "more")
        database.checkpoint()
        digest = database.documents.digest()
    with opened(golden.path, LIMITS) as database:
        assert database.documents.digest() == digest
        assert database.documents.get("more") == (b"1", version)


@pytest.mark.guarantee(6)
@each_archive
def test_g6_what_is_written_after_an_earlier_format_is_there_without_a_checkpoint(
    archive: Path, golden: Golden
) -> None:
    with opened(golden.path, LIMITS) as database:
        for number in range(100):
            put(database, f"more {number}", b'{"n":%d}' % number)
        digest = database.documents.digest()
    with opened(golden.path, LIMITS) as database:
        assert database.documents.digest() == digest
    assert not [finding for finding in check_database(golden.path, LIMITS).findings if finding.is_damage]


@each_archive
def test_reading_a_folder_of_an_earlier_format_shows_its_state_and_changes_nothing(
    archive: Path, golden: Golden
) -> None:
    before = contents(golden.path)
    with fluxdb.open(golden.path, read_only=True, limits=LIMITS) as database:
        info = database.info()
        assert {name: info[name] for name in ("revision", "keys", "tombstones")}.items() <= golden.state.items()
        document = database.get("nul \0 and \u00e9\u20ac")
        assert document is not None
        assert (document.value, document.version) == (None, 1)
    if golden.dump is not None:
        assert dump_of(golden.path) == golden.dump
    assert contents(golden.path) == before


def test_each_earlier_format_has_its_archives() -> None:
    names = {archive.name.removesuffix(".tar.gz") for archive in ARCHIVES}
    assert names >= {"snapshot-format-1", "snapshot-format-2", "log-format-2-closed", "log-format-2-killed"}


def test_the_killed_folder_ends_in_a_torn_tail_and_the_closed_one_does_not(tmp_path: Path) -> None:
    torn = {}
    for name in ("closed", "killed"):
        shutil.unpack_archive(HERE / f"log-format-2-{name}.tar.gz", tmp_path / name, filter="data")
        with opened(tmp_path / name, LIMITS) as database:
            torn[name] = database.info()["recovery"]["torn"] is not None
    assert torn == {"closed": False, "killed": True}
