"""Makes a small database folder in the formats that this FluxDB writes, for the FluxDBs to come to open.

    python -m tests.golden.make     makes tests/golden/snapshot-format-N.tar.gz: the folder, and what it must hold

An archive is made once, by the last version that writes its format, and never changed. tests/storage/test_golden.py
opens all of them.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from fluxdb.limits import KIB, Limits
from fluxdb.model import Kind
from fluxdb.storage.database import Database
from fluxdb.storage.snapshot import writer as snapshot_writer
from fluxdb.storage.snapshot.format import SNAPSHOT_FORMAT_VERSION

HERE = Path(__file__).parent
LIMITS = Limits(segment_bytes=64 * KIB, group_bytes_max=16 * KIB, tombstones_max=4, checkpoint_log_bytes=0)
STATE_NAME = "holds.json"


def make(path: Path) -> None:
    """Documents, tombstones, forgotten tombstones; a snapshot of several blocks, and a log behind it."""
    database = Database.open(path, LIMITS)
    write = database.committer.write
    for number in range(60):
        write(Kind.SET, f"key {number}", json.dumps({"n": number, "text": "x" * (number * 7)}).encode())
    for number in range(8):
        write(Kind.DELETE, f"key {number}", None)
    write(Kind.SET, "nul \0 and \u00e9\u20ac", b"null")
    with mock.patch.object(snapshot_writer, "BLOCK_BYTES_MIN", 4 * KIB):
        database.checkpoint()
    write(Kind.SET, "key 1", b'"again"')
    write(Kind.PATCH, "key 20", b'{"n":null,"more":[1,2]}')
    write(Kind.DELETE, "key 21", None)
    holds = {
        "revision": database.documents.position.revision,
        "keys": len(database.documents),
        "tombstones": database.documents.tombstones,
        "digest": database.documents.digest(),
    }
    database.close()
    (path / "LOCK").unlink()
    (path / STATE_NAME).write_text(json.dumps(holds) + "\n")


if __name__ == "__main__":
    target = HERE / f"snapshot-format-{SNAPSHOT_FORMAT_VERSION}.tar.gz"
    if target.exists():
        raise SystemExit(f"{target} is there already, and is never changed")
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        shutil.make_archive(str(target).removesuffix(".tar.gz"), "gztar", folder)
