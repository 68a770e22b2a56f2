"""SQLite as a durable store of documents: WAL, synchronous=FULL, one upsert a transaction."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

SELECT = "SELECT value FROM documents WHERE key = ?"
UPSERT = "INSERT OR REPLACE INTO documents (key, value) VALUES (?, ?)"


class SqliteStore:
    """One connection in autocommit mode: each ``set`` is a transaction of its own, synced when it returns."""

    note = "SQLite: WAL, synchronous=FULL"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(folder / "peer.sqlite", isolation_level=None)
        self._pragma("journal_mode=WAL", "wal")
        self._pragma("synchronous=FULL", None)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS documents (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
        )
        self._execute = self._connection.cursor().execute

    def set(self, key: str, value: Any) -> None:
        self._execute(UPSERT, (key, orjson.dumps(value)))

    def get(self, key: str) -> Any:
        return orjson.loads(self._execute(SELECT, (key,)).fetchone()[0])

    def close(self) -> None:
        self._connection.close()

    def _pragma(self, assignment: str, expected: str | None) -> None:
        row = self._connection.execute(f"PRAGMA {assignment}").fetchone()
        if expected is not None and (row is None or row[0] != expected):
            raise RuntimeError(f"SQLite did not take PRAGMA {assignment}: it said {row}")


def syncs_per_commit(folder: Path, commits: int = 100) -> float | None:
    """How many fsync/fdatasync calls the kernel sees per commit; None where strace is missing or may not trace."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    code = (
        "import sys; from pathlib import Path; from tools.comparison.sqlite import SqliteStore\n"
        "store = SqliteStore(Path(sys.argv[1]))\n"
        f"for number in range({commits}): store.set(f'key{{number}}', number)\n"
        "import os; os._exit(0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [strace, "-f", "-e", "trace=fsync,fdatasync", sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    if done.returncode != 0:
        return None
    return len(re.findall(r"f(?:data)?sync\(", done.stderr)) / commits
