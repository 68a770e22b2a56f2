"""Reading a database without owning it: nothing on disk is changed, and no process may own the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fluxdb.limits import DEFAULT_LIMITS, Limits
from fluxdb.storage.layout import absolute, require_database, require_folder
from fluxdb.storage.lock import FolderLock
from fluxdb.storage.progress import ProgressCallback
from fluxdb.storage.reader import Recovered, read_folder
from fluxdb.storage.system.usage import folder_bytes, ordinary_first


@contextmanager
def shared_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Lock an existing folder against owners. Raises LockedError, StorageError."""
    directory = absolute(Path(path))
    require_folder(directory)
    lock = FolderLock.share(directory)
    try:
        yield directory
    finally:
        lock.release()


def read_database(
    path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS, *, progress: ProgressCallback | None = None
) -> Recovered:
    """Return the state that the next open would begin with. Raises LockedError, CorruptionError, StorageError."""
    with shared_folder(path) as directory:
        require_database(directory)
        recovered = read_folder(directory, tombstones_max=limits.tombstones_max, progress=progress)
    if recovered.damage is not None:
        raise recovered.damage
    return recovered


def database_info(
    path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS, *, progress: ProgressCallback | None = None
) -> dict[str, object]:
    """Return what `fluxdb info` prints, with the state's digest. Raises LockedError, CorruptionError, StorageError."""
    recovered = read_database(path, limits, progress=progress)
    known = ordinary_first(database_state(recovered), {"disk_bytes": folder_bytes(recovered.directory)})
    return {**known, "digest": recovered.documents.digest()}


def database_state(recovered: Recovered) -> dict[str, Any]:
    """Return the facts about a database that was read and not taken over."""
    documents = recovered.documents
    return {
        "path": str(recovered.directory),
        "database_id": recovered.database_id.hex(),
        "revision": recovered.position.revision,
        "keys": len(documents),
        "tombstones": documents.tombstones,
        "data_bytes": documents.data_bytes,
        "log_bytes": recovered.log_bytes,
        "segments": len(recovered.segments),
        "recovery": recovered.report(),
    }
