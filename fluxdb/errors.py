"""Every error that FluxDB raises.

FluxDBError
├── InvalidKeyError (ValueError)       not a valid key
├── InvalidValueError (ValueError)     the value is not JSON that can be given back exactly
├── LimitError                         a limit was exceeded; the message names it and its setting
├── VersionConflictError               if_version did not hold
├── ClosedError                        the database was closed
├── StorageError                       the disk, or what is on it
│   ├── CorruptionError                bytes that were once acknowledged are damaged
│   ├── DiskFullError                  no room for the next segment: rejected, nothing lost
│   ├── LockedError                    another process owns the folder
│   ├── PoisonedError                  an earlier write to the log failed: reopen
│   └── ReadOnlyError                  the database was opened with read_only
├── ConnectionLostError (ConnectionError)
├── RequestTimeoutError (TimeoutError)
├── AuthError
└── SubscriberEvictedError             this subscriber fell behind

Each class has a ``code``, its name on the wire and in logs. An error of a write whose outcome is unknown has
``maybe_applied`` set: after the next open the write may or may not be there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any


class FluxDBError(Exception):
    """The base class: catch it to catch every error of FluxDB."""

    code = "error"
    maybe_applied = False
    index: int | None = None  # of an operation of a batch that is at fault: its place, from 0


# Raised before anything is written, because the request itself is wrong.


class InvalidKeyError(FluxDBError, ValueError):
    """The key is empty, not a string, or holds a lone surrogate."""

    code = "invalid_key"


class InvalidValueError(FluxDBError, ValueError):
    """The value is not JSON, or is JSON that could not be read back exactly."""

    code = "invalid_value"


class LimitError(FluxDBError):
    """A limit was exceeded. The message names the limit, its value, and the setting that changes it."""

    code = "too_large"


class VersionConflictError(FluxDBError):
    """A condition did not hold: the current version of ``key``, ``actual``, is not the one that was ``expected``.

    0 stands for a key that does not exist; None is expected of a key that must exist, whatever its version. In a batch
    ``index`` is the place of the operation that failed, and ``conflicts`` has every condition that does not hold:
    (index, key, expected, actual). For a lone write ``index`` is None, and ``conflicts`` is empty.
    """

    code = "version_conflict"

    def __init__(
        self,
        key: str,
        expected: int | None,
        actual: int,
        index: int | None = None,
        conflicts: Sequence[tuple[int, str, int | None, int]] = (),
    ) -> None:
        named = f"key {key!r}" if 0 < len(key) <= 40 else f"key {key[:40]!r}..." if key else "the key"
        others = f"; {len(conflicts) - 1} more conditions of the batch do not hold" if len(conflicts) > 1 else ""
        wanted = "it to exist" if expected is None else str(expected)
        place = "" if index is None else f" in operation {index} of the batch"
        super().__init__(f"version conflict{place}: expected {wanted}, {named} is at {actual}{others}")
        self.key = key
        self.expected = expected
        self.actual = actual
        self.index = index
        self.conflicts = tuple(conflicts)

    def __reduce__(self) -> tuple[type[VersionConflictError], tuple[Any, ...]]:
        return type(self), (self.key, self.expected, self.actual, self.index, self.conflicts)


class ClosedError(FluxDBError):
    """The database, or the subscription, was closed."""

    code = "closed"


class ForkedError(ClosedError):
    """The database was opened before a fork and belongs to the parent process; this is the child."""


FORKED = (
    "the database was opened before the fork and belongs to the parent process: open it after the fork, in one "
    "process only, or share it between several through a fluxdb-server"
)
FORKED_CONNECTION = (
    "the connection was made before the fork and belongs to the parent process: connect after the fork, in each "
    "process that uses it"
)


def closed_error(process: int, words: str = "the database is closed", forked: str = FORKED) -> ClosedError:
    """Return the error that calls on a closed object raise; ``process`` is the id of the process that opened it."""
    return ClosedError(words) if os.getpid() == process else ForkedError(forked)


# Raised by storage.


class StorageError(FluxDBError):
    """The operating system denied something that storage needs."""

    code = "storage"


class CorruptionError(StorageError):
    """Bytes that were once acknowledged are damaged. Nothing was changed on disk.

    ``segment`` is the name of the file, ``offset`` the byte at which the damage was noticed.
    """

    code = "corruption"

    def __init__(self, segment: str, offset: int, reason: str) -> None:
        super().__init__(
            f"{segment} is damaged at byte {offset}: {reason}; nothing was changed: "
            "`fluxdb check DIR` tells more, `fluxdb repair DIR` keeps what can be kept"
        )
        self.segment = segment
        self.offset = offset
        self.reason = reason

    def __reduce__(self) -> tuple[type[CorruptionError], tuple[str, int, str]]:
        return type(self), (self.segment, self.offset, self.reason)


class DiskFullError(StorageError):
    """The disk has no room for the next log segment. The write was rejected; nothing was written."""

    code = "disk_full"


class LockedError(StorageError):
    """Another process owns the folder.

    ``pid`` is its process id, 0 if unknown; ``address`` is where it can be reached, "" if it is not a server.
    """

    code = "locked"

    def __init__(self, directory: str, pid: int, address: str = "") -> None:
        if pid == os.getpid():
            super().__init__(f"{directory} is already open in this process: use that database, or close it first")
        elif address:
            super().__init__(
                f"{directory} is open in process {pid}, a fluxdb-server: stop it, or talk to it with "
                f"fluxdb-client --addr {address}"
            )
        else:
            owner = f"process {pid}" if pid else "another process"
            super().__init__(f"{directory} is open in {owner}: close it there, or talk to it through a fluxdb-server")
        self.directory = directory
        self.pid = pid
        self.address = address

    def __reduce__(self) -> tuple[type[LockedError], tuple[str, int, str]]:
        return type(self), (self.directory, self.pid, self.address)


class ReadOnlyError(StorageError):
    """The database was opened with ``read_only``: writes are rejected, and so are subscriptions, as nothing changes."""

    code = "read_only"


class PoisonedError(StorageError):
    """The log could not be made durable, so no more writes are accepted until the folder is reopened.

    ``maybe_applied`` is set for the writes that were being written when it failed.
    """

    code = "poisoned"

    def __init__(self, message: str, *, maybe_applied: bool = False) -> None:
        super().__init__(message)
        self.maybe_applied = maybe_applied


# Raised by the network.


class ConnectionLostError(FluxDBError, ConnectionError):
    """The connection to the server broke or could not be made, or the other side does not speak the protocol."""

    code = "connection_lost"

    def __init__(self, message: str, *, maybe_applied: bool = False) -> None:
        super().__init__(message)
        self.maybe_applied = maybe_applied


class RequestTimeoutError(FluxDBError, TimeoutError):
    """The server did not answer in time."""

    code = "timeout"

    def __init__(self, message: str, *, maybe_applied: bool = False) -> None:
        super().__init__(message)
        self.maybe_applied = maybe_applied


class AuthError(FluxDBError):
    """The server wants a password, or rejected the one it got."""

    code = "auth"


# Raised by subscriptions.


class SubscriberEvictedError(FluxDBError):
    """This subscriber fell behind and was dropped.

    ``last_revision`` is the revision of the last event that it got; before the first, the one at which it subscribed.
    """

    code = "evicted"

    def __init__(self, last_revision: int) -> None:
        super().__init__(
            f"this subscriber fell behind and was evicted; it got every event up to revision {last_revision}: "
            "read the key again, then subscribe again"
        )
        self.last_revision = last_revision

    def __reduce__(self) -> tuple[type[SubscriberEvictedError], tuple[int]]:
        return type(self), (self.last_revision,)
