"""A batch becomes visible in one step."""

from __future__ import annotations

import threading
from pathlib import Path

import fluxdb


def test_g4_no_reader_sees_half_of_a_batch(tmp_path: Path) -> None:
    """More operations than are applied in one hold of the lock otherwise, and readers in between."""
    keys = [f"k{i}" for i in range(900)]
    torn: list[object] = []
    seen = set()
    with fluxdb.open(tmp_path / "db") as db:
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                values = [None if document is None else document.value for document in db.get_many(keys[::150])]
                seen.add(values[0])
                if len(set(values)) > 1:
                    torn.append(values)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for i in range(60):
            with db.batch() as batch:
                for key in keys:
                    batch.set(key, i)
        done.set()
        for reader in readers:
            reader.join()
    assert len(seen) > 5, "readers ran in between"
    assert torn == []
