"""Makes small database folders in the formats that this FluxDB writes, for every later FluxDB to open.

    python -m tests.golden.make     makes tests/golden/NAME.tar.gz for each recipe and format that has no archive yet

An archive is made once, by the last version that writes its format, and never changed. It holds the folder, the state
that the folder must open to, and the dump of that state. tests/storage/test_golden.py opens all of them.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from fluxdb._core.log.segment import FORMAT_VERSION, SECTOR_BYTES
from fluxdb.limits import KIB, Limits
from fluxdb.model import Kind
from fluxdb.storage.database import Database
from fluxdb.storage.dump.dump import dump_lines
from fluxdb.storage.layout import list_folder
from fluxdb.storage.log_end import END_NAME
from fluxdb.storage.snapshot import writer as snapshot_writer
from fluxdb.storage.snapshot.format import SNAPSHOT_FORMAT_VERSION

HERE = Path(__file__).parent
LIMITS = Limits(segment_bytes=64 * KIB, group_bytes_max=16 * KIB, tombstones_max=4, checkpoint_log_bytes=0)
STATE_NAME = "holds.json"
DUMP_NAME = "dump.jsonl"


def with_snapshot(path: Path) -> None:
    """Documents, tombstones, forgotten tombstones; a snapshot of several blocks, and a log behind it."""
    database = Database.open(path, LIMITS)
    _write_documents(database)
    with mock.patch.object(snapshot_writer, "BLOCK_BYTES_MIN", 4 * KIB):
        database.checkpoint()
    _write_changes(database)
    _note_state(path, database)
    database.close()


def closed(path: Path) -> None:
    """A log of several segments, without a snapshot, closed cleanly."""
    database = Database.open(path, LIMITS)
    _write_segments(database)
    _note_state(path, database)
    database.close()


def killed(path: Path) -> None:
    """The same, as a kill during a write leaves it: no note of the end, and a last group that lacks a sector."""
    running = path / "running"
    database = Database.open(running, LIMITS)
    _write_segments(database)
    _note_state(path, database)
    torn_at = database.documents.position.offset
    database.committer.write(Kind.SET, "never acknowledged", json.dumps("x" * 4 * SECTOR_BYTES).encode())
    for name in running.iterdir():
        if name.name != END_NAME:
            shutil.copy(name, path / name.name)
    database.close()
    shutil.rmtree(running)
    segment = path / f"log-{list_folder(path).segments[-1]:016d}"
    with segment.open("r+b") as file:
        file.seek(torn_at + 2 * SECTOR_BYTES)
        file.write(bytes(SECTOR_BYTES))


def _write_documents(database: Database) -> None:
    write = database.committer.write
    for number in range(60):
        write(Kind.SET, f"key {number}", json.dumps({"n": number, "text": "x" * (number * 7)}).encode())
    for number in range(8):
        write(Kind.DELETE, f"key {number}", None)
    write(Kind.SET, "nul \0 and \u00e9\u20ac", b"null")


def _write_changes(database: Database) -> None:
    write = database.committer.write
    write(Kind.SET, "key 1", b'"again"')
    write(Kind.PATCH, "key 20", b'{"n":null,"more":[1,2]}')
    write(Kind.DELETE, "key 21", None)


def _write_segments(database: Database) -> None:
    _write_documents(database)
    _write_changes(database)
    write = database.committer.write
    number = 0
    while database.committer.stats()["segment"] < 4:
        write(Kind.SET, f"key {number % 40}", json.dumps({"n": number, "text": "y" * 3000}).encode())
        write(Kind.PATCH_REMOVE_NULLS, f"key {(number + 7) % 40}", b'{"text":null,"deep":{"er":[1,null],"no":null}}')
        write(Kind.DELETE, f"key {(number + 3) % 40}", None)
        number += 1
    write(Kind.SET, "biggest", str(2**63 - 1).encode())


def _note_state(path: Path, database: Database) -> None:
    documents = database.documents
    holds = {
        "revision": documents.position.revision,
        "keys": len(documents),
        "tombstones": documents.tombstones,
        "digest": documents.digest(),
    }
    (path / STATE_NAME).write_text(json.dumps(holds) + "\n")
    (path / DUMP_NAME).write_bytes(b"".join(dump_lines(documents)))


RECIPES: dict[str, Callable[[Path], None]] = {
    f"snapshot-format-{SNAPSHOT_FORMAT_VERSION}": with_snapshot,
    f"log-format-{FORMAT_VERSION}-closed": closed,
    f"log-format-{FORMAT_VERSION}-killed": killed,
}


def main() -> None:
    """Make what is missing; leave alone what is there."""
    for name, recipe in RECIPES.items():
        if (HERE / f"{name}.tar.gz").exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            recipe(Path(folder))
            (Path(folder) / "LOCK").unlink()
            shutil.make_archive(str(HERE / name), "gztar", folder)


if __name__ == "__main__":
    main()
