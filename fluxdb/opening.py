"""From the target that a user names to an engine behind a handle: a folder on this machine, or a server.

The client is imported when an address is first opened: importing asyncio takes longer than all the rest.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from fluxdb.engine.handle import EngineHandle
from fluxdb.engine.local.engine import Engine
from fluxdb.engine.local.read_only import ReadOnlyEngine
from fluxdb.limits import Limits
from fluxdb.storage.database import Database
from fluxdb.target import Target, folder_path, is_url

if TYPE_CHECKING:
    import ssl

    from fluxdb.engine.remote.loop import RemoteLoopEngine
    from fluxdb.engine.remote.settings import Settings

TIMEOUT_SECONDS = 30.0
HEARTBEAT_SECONDS = 20.0


class Remote(NamedTuple):
    """Options for the client of a server only."""

    password: str | None
    timeout: float | None
    tls: ssl.SSLContext | None
    heartbeat_seconds: float | None = HEARTBEAT_SECONDS


class Local(NamedTuple):
    """Options for a folder only."""

    create: bool = True
    read_only: bool = False


def check_options(limits: object, remote: Remote) -> None:
    """Check the options' types before anything is opened or made. Raises TypeError."""
    if not isinstance(limits, Limits):
        raise TypeError(f"limits must be a fluxdb.Limits(...), not {_type_name(limits)}")
    for name, seconds in (("timeout", remote.timeout), ("heartbeat_seconds", remote.heartbeat_seconds)):
        if seconds is not None and (not isinstance(seconds, (int, float)) or isinstance(seconds, bool)):
            raise TypeError(f"{name} must be a number of seconds or None, not {_type_name(seconds)}")
    if remote.tls is not None and not _is_tls(remote.tls):
        tls = _type_name(remote.tls)
        raise TypeError(f"tls must be an ssl.SSLContext, not {tls}; fluxdbs:// addresses use TLS with the usual checks")


def _is_tls(context: object) -> bool:
    import ssl  # not needed to open a folder

    return isinstance(context, ssl.SSLContext)


def _type_name(value: object) -> str:
    return type(value).__qualname__


def open_handle(target: Target, limits: Limits, local: Local, remote: Remote) -> EngineHandle:
    """Open a folder, or connect to a server.

    Raises ValueError if the target looks like neither, or if an option is for the other one only; TypeError.
    """
    check_options(limits, remote)
    if is_url(target):
        from fluxdb.engine.remote.engine import RemoteEngine

        return RemoteEngine(_settings(target, limits, local, remote))
    return open_folder(target, limits, local, remote)


async def connect(target: Target, limits: Limits, local: Local, remote: Remote) -> RemoteLoopEngine:
    """Connect to a server, for the running event loop."""
    from fluxdb.engine.remote import forgotten
    from fluxdb.engine.remote.loop import RemoteLoopEngine

    handle = await RemoteLoopEngine.connect(_settings(target, limits, local, remote))
    forgotten.register(handle)
    return handle


def open_folder(target: Target, limits: Limits, local: Local, remote: Remote | None = None) -> Engine | ReadOnlyEngine:
    """Open the folder ``target`` with the options ``local``. Raises ValueError, and the errors of open_engine()."""
    if remote is not None and (remote.password is not None or remote.tls is not None):
        raise ValueError("a password and TLS are for the address of a server, not for a folder")
    if local.read_only:
        return ReadOnlyEngine(folder_path(target), limits)
    return open_engine(target, limits, create=local.create)


def open_engine(target: Target, limits: Limits, *, create: bool = True) -> Engine:
    """Open the folder ``target``: recover, then start the actors. With ``create``, make it if it is missing.

    Raises ValueError (it does not look like a folder), LockedError, CorruptionError, DiskFullError, StorageError.
    """
    database = None
    try:  # a signal handler may raise anywhere here
        database = Database.open(folder_path(target), limits, create=create)
        return Engine(database, limits)
    except BaseException:
        if database is not None:
            database.close()
        raise


def _settings(target: Target, limits: Limits, local: Local, remote: Remote) -> Settings:
    from fluxdb.engine.remote.address import parse_url
    from fluxdb.engine.remote.settings import Settings

    if local.read_only:
        raise ValueError("read_only is for a folder: a server takes writes from every client")
    password, timeout, tls, heartbeat_seconds = remote
    return Settings(parse_url(os.fspath(target)), password, timeout, tls, limits, heartbeat_seconds)
