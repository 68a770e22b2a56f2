"""Putting files aside: repair keeps what it takes out of a database beside it, under a name that is never read."""

from __future__ import annotations

from pathlib import Path

from fluxdb.limits import MIB
from fluxdb.storage.layout import BROKEN_SUFFIX
from fluxdb.storage.system.durable import sync_directory, sync_file, write_all
from fluxdb.storage.system.files import create_private, read_only
from fluxdb.storage.system.oserrors import storage_errors


def free_name(directory: Path, name: str) -> str:
    """Return ``name``.broken, or the same with the first free number."""
    candidate, number = name + BROKEN_SUFFIX, 1
    while (directory / candidate).exists():
        number += 1
        candidate = f"{name}{BROKEN_SUFFIX}-{number}"
    return candidate


def copy_aside(directory: Path, name: str) -> str:
    """Make a durable copy; return its name. Raises DiskFullError, StorageError; nothing is left over then."""
    copy = free_name(directory, name)
    with storage_errors(f"can't copy {directory / name} to {copy}"):
        try:
            with read_only(directory / name) as source, create_private(directory / copy) as target:
                offset = 0
                while chunk := source.read(1 * MIB):
                    write_all(target.fileno(), chunk, offset)
                    offset += len(chunk)
                sync_file(target.fileno())
        except OSError:
            (directory / copy).unlink(missing_ok=True)
            raise
        sync_directory(directory)
    return copy


def rename_aside(directory: Path, name: str) -> str:
    """Rename the file out of the way; return the new name. Raises StorageError."""
    renamed = free_name(directory, name)
    with storage_errors(f"can't rename {directory / name} to {renamed}"):
        (directory / name).rename(directory / renamed)
        sync_directory(directory)
    return renamed


def link_aside(directory: Path, name: str) -> str:
    """Give the file a second name, which keeps it when the first one goes; return it. Raises StorageError."""
    linked = free_name(directory, name)
    with storage_errors(f"can't link {directory / name} to {linked}"):
        (directory / linked).hardlink_to(directory / name)
        sync_directory(directory)
    return linked
