"""From what a user names to an engine behind a handle."""

from __future__ import annotations

import os

from fluxdb.engine.runtime import Engine
from fluxdb.errors import FluxDBError
from fluxdb.limits import Limits
from fluxdb.storage.database import Database

URL_SCHEME = "fluxdb://"

Target = str | os.PathLike[str]


def open_engine(target: Target, limits: Limits) -> Engine:
    """Open the folder ``target`` (created where it is missing): recover, then start the actors.

    Raises LockedError, CorruptionError, DiskFullError, StorageError.
    """
    path = os.fspath(target)
    if path.startswith(URL_SCHEME):
        raise FluxDBError(
            f"{path}: the network client is not part of this version of fluxdb; open the path of a folder"
        )
    database = Database.open(path, limits)
    try:
        return Engine(database, limits)
    except BaseException:
        database.close()
        raise
