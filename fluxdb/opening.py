"""From what a user names to an engine behind a handle: a folder, or the address of a server.

The client is imported when an address is first opened: asyncio takes longer to import than all the rest.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from fluxdb.engine.handle import EngineHandle
from fluxdb.engine.runtime import Engine
from fluxdb.limits import Limits
from fluxdb.storage.database import Database

if TYPE_CHECKING:
    import ssl

    from fluxdb.client.aio_handle import RemoteLoopEngine
    from fluxdb.client.settings import Settings

Target = str | os.PathLike[str]

TIMEOUT_SECONDS = 30.0
HEARTBEAT_SECONDS = 20.0
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Remote(NamedTuple):
    """What only the client of a server needs to know."""

    password: str | None
    timeout: float | None
    tls: ssl.SSLContext | None
    heartbeat_seconds: float | None = HEARTBEAT_SECONDS


def is_url(target: Target) -> bool:
    """Is it the address of a server, or meant as one? A path object never is."""
    return isinstance(target, str) and _SCHEME.match(target) is not None


def open_handle(target: Target, limits: Limits, remote: Remote) -> EngineHandle:
    """Open a folder, or connect to a server.

    Raises ValueError where ``remote`` says something of a folder, and for an address that is none of a server.
    """
    if is_url(target):
        from fluxdb.client.sync_handle import RemoteEngine

        return RemoteEngine(_settings(target, limits, remote))
    check_folder(remote)
    return open_engine(target, limits)


async def connect(target: Target, limits: Limits, remote: Remote) -> RemoteLoopEngine:
    """Connect to a server, for the running event loop."""
    from fluxdb.client import forgotten
    from fluxdb.client.aio_handle import RemoteLoopEngine

    handle = await RemoteLoopEngine.connect(_settings(target, limits, remote))
    forgotten.know(handle)
    return handle


def open_engine(target: Target, limits: Limits) -> Engine:
    """Open the folder ``target`` (created where it is missing): recover, then start the actors.

    Raises LockedError, CorruptionError, DiskFullError, StorageError.
    """
    database = Database.open(os.fspath(target), limits)
    try:
        return Engine(database, limits)
    except BaseException:
        database.close()
        raise


def check_folder(remote: Remote) -> None:
    """Raises ValueError where ``remote`` says something that a folder does not have."""
    if remote.password is not None or remote.tls is not None:
        raise ValueError("a password and TLS are for the address of a server, not for a folder")


def _settings(target: Target, limits: Limits, remote: Remote) -> Settings:
    from fluxdb.client.address import parse_url
    from fluxdb.client.settings import Settings

    password, timeout, tls, heartbeat_seconds = remote
    return Settings(parse_url(os.fspath(target)), password, timeout, tls, limits, heartbeat_seconds)
