"""repair of a damaged block of a snapshot: each record that its own checksum proves is kept, and listed."""

from __future__ import annotations

import io
import json
import random
import shutil
from pathlib import Path

import pytest

from fluxdb.storage.dump.dump import dump_database
from fluxdb.storage.dump.load import load_database
from fluxdb.storage.repair.check import check_database
from fluxdb.storage.repair.repair import repair_database
from fluxdb.storage.repair.report import RepairReport
from fluxdb.storage.snapshot.format import BLOCK_MAGIC, TAIL_MAGIC
from tests.storage.folders import SECTOR_BYTES, SMALL, flip, newest_snapshot, opened, overwrite, put, remove


def salvaged(path: Path, report: RepairReport) -> list[dict[str, object]]:
    return [json.loads(line) for name in report.salvage_files for line in (path / name).read_text().splitlines()]


def one_block(path: Path) -> dict[str, tuple[bytes, int] | None]:
    """A database whose snapshot is one block, with a write behind it; the documents in the snapshot."""
    source, lines = path.with_name("source"), io.BytesIO()
    with opened(source) as database:
        for number in range(40):
            put(database, f"key {number}", b'{"n":%d,"text":"%b"}' % (number, b"x" * (number * 9)))
        for number in range(3):
            remove(database, f"key {number}")
        documents = {f"key {number}": database.documents.get(f"key {number}") for number in range(40)}
    dump_database(source, lines.write, SMALL)
    shutil.rmtree(source)
    lines.seek(0)
    load_database(path, lines, SMALL)
    with opened(path) as database:
        put(database, "behind")
    return documents


def places_in_block(path: Path) -> dict[str, int]:
    """Return where the parts of the only block of the newest snapshot begin."""
    data = newest_snapshot(path).read_bytes()
    records = data.index(BLOCK_MAGIC) + 40
    tail = data.index(TAIL_MAGIC)
    return {"head": records - 40, "records": records, "directory": tail - 40 * 4, "tail": tail, "end": tail + 32}


@pytest.mark.guarantee(7)
def test_g7_a_bit_flipped_in_the_only_block_costs_one_record_at_most(tmp_path: Path) -> None:
    documents = one_block(tmp_path / "db")
    places = places_in_block(tmp_path / "db")
    noise = random.Random(3)
    counts = set()
    hits = [*(places["records"] + at for at in (0, 9, 17, 21, 23, 24, 30)), *(places["tail"] + at for at in (0, 5, 17))]
    hits += [places["head"] + at for at in (0, 4, 9, 17, 25, 33)] + [places["directory"] + at for at in (0, 4, 9, 100)]
    hits += [noise.randrange(places["records"], places["end"]) for _ in range(20)]
    for at in hits:
        path = tmp_path / f"hit {at}"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(tmp_path / "db", path)
        flip(newest_snapshot(path), at)
        assert not check_database(path, SMALL).ok
        report = repair_database(path, SMALL)
        assert check_database(path, SMALL).ok
        with opened(path) as database:
            kept = {key: database.documents.get(key) for key in documents}
            found = len(database.documents) + database.documents.tombstones
        assert all(stored == documents[key] for key, stored in kept.items() if stored is not None)
        assert found >= 39, (at, places, report.lost)
        counts.add(found)
        if found == 39:
            assert any("39 of the 40 records of block 0" in action for action in report.actions), report.actions
            listed = [line for line in salvaged(path, report) if line.get("in_database")]
            assert {line["block_whole"] for line in listed} == {False}
            values = {line["key"]: line.get("value") for line in listed if line["op"] == "set"}
            assert values == {key: json.loads(stored[0]) for key, stored in kept.items() if stored is not None}
    assert counts == {39, 40}


@pytest.mark.guarantee(7)
def test_g7_sectors_lost_in_a_block_cost_the_records_that_lie_in_them(tmp_path: Path) -> None:
    path = tmp_path / "db"
    documents = one_block(path)
    overwrite(newest_snapshot(path), places_in_block(path)["records"] + 1000, bytes(SECTOR_BYTES))
    repair_database(path, SMALL)
    with opened(path) as database:
        kept = [key for key in documents if database.documents.get(key) is not None]
        assert all(database.documents.get(key) == documents[key] for key in kept)
        assert 25 < len(kept) < 37


@pytest.mark.guarantee(7)
def test_g7_no_key_can_pass_for_a_block_of_a_snapshot(tmp_path: Path) -> None:
    for magic in (BLOCK_MAGIC, TAIL_MAGIC):
        with pytest.raises(UnicodeDecodeError):
            magic.decode()
