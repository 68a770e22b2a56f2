"""Every error that FluxDB raises.

FluxDBError
├── InvalidKeyError (ValueError)       the key can't be a key
├── InvalidValueError (ValueError)     the value is not JSON that can be given back exactly
├── LimitError                         a bound was hit; the message names it and its setting
├── VersionConflictError               if_version did not hold
├── ClosedError                        the database was closed
├── StorageError                       the disk, or what is on it
│   ├── CorruptionError                bytes that were once acknowledged are damaged
│   ├── DiskFullError                  no room for the next segment: refused, nothing lost
│   ├── LockedError                    another process owns the folder
│   ├── PoisonedError                  an earlier write to the log failed: reopen
│   └── ReadOnlyError                  the database was opened with read_only
├── ConnectionLostError (ConnectionError)
├── RequestTimeoutError (TimeoutError)
├── AuthError
└── SubscriberEvictedError             this subscriber fell behind

Each class has a ``code``: the word for it on the wire and in logs. An error of a write whose outcome is unknown
has ``maybe_applied`` set: the write may be there after the next open, or not.
"""

from __future__ import annotations

import os


class FluxDBError(Exception):
    """The root: catch this to catch all that FluxDB raises."""

    code = "error"
    maybe_applied = False


# Raised before anything is written: the request itself is at fault.


class InvalidKeyError(FluxDBError, ValueError):
    """The key is empty, not a string, or holds a lone surrogate."""

    code = "invalid_key"


class InvalidValueError(FluxDBError, ValueError):
    """The value is not JSON, or is JSON that could not be given back exactly."""

    code = "invalid_value"


class LimitError(FluxDBError):
    """A bound was hit. The message names the bound, its value, and the setting that moves it."""

    code = "too_large"


class VersionConflictError(FluxDBError):
    """``if_version`` did not hold. ``actual`` is 0 where the key does not exist."""

    code = "version_conflict"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"version conflict: expected {expected}, the key is at {actual}")
        self.expected = expected
        self.actual = actual

    def __reduce__(self) -> tuple[type[VersionConflictError], tuple[int, int]]:
        return type(self), (self.expected, self.actual)


class ClosedError(FluxDBError):
    """The database, or the subscription, was closed."""

    code = "closed"


class ForkedError(ClosedError):
    """What was opened before a fork belongs to the parent process, and this is the child."""


FORKED = (
    "the database was opened before the fork, and belongs to the parent process: open it after the fork, in one "
    "process alone, or share it between several by a fluxdb-server"
)
FORKED_CONNECTION = (
    "the connection was made before the fork, and belongs to the parent process: connect after the fork, in each "
    "process that uses it"
)


def closed_error(process: int, words: str = "the database is closed", forked: str = FORKED) -> ClosedError:
    """What the calls raise of something closed that was opened in the process of that id."""
    return ClosedError(words) if os.getpid() == process else ForkedError(forked)


# Raised by the disk.


class StorageError(FluxDBError):
    """The operating system refused something that storage needs."""

    code = "storage"


class CorruptionError(StorageError):
    """Bytes that were once acknowledged are damaged. Nothing was changed on disk.

    ``segment`` is the name of the file, ``offset`` the byte in it at which the damage was noticed.
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
    """There is no room for the next log segment. The write was refused; nothing of it was written."""

    code = "disk_full"


class LockedError(StorageError):
    """Another process owns the folder.

    ``pid`` is its process id, 0 if it could not be read; ``address`` is where it can be reached, "" if it is no server.
    """

    code = "locked"

    def __init__(self, directory: str, pid: int, address: str = "") -> None:
        if pid == os.getpid():
            super().__init__(f"{directory} is open in this process already: use that database, or close it first")
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
    """The database was opened with ``read_only``: it takes no writes, and nothing changes that could be watched."""

    code = "read_only"


class PoisonedError(StorageError):
    """The log could not be made durable, so no more writes are taken until the folder is opened anew.

    ``maybe_applied`` is set for the writes whose bytes were on their way when it failed.
    """

    code = "poisoned"

    def __init__(self, message: str, *, maybe_applied: bool = False) -> None:
        super().__init__(message)
        self.maybe_applied = maybe_applied


# Raised by the network.


class ConnectionLostError(FluxDBError, ConnectionError):
    """The connection to the server broke, or could not be made; or what is there does not speak the protocol."""

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
    """The server wants a password, or refused the one it got."""

    code = "auth"


# Raised by subscriptions.


class SubscriberEvictedError(FluxDBError):
    """This subscriber fell behind and was dropped.

    ``last_revision`` is that of the last event that it was given; before the first, the one at which it subscribed.
    """

    code = "evicted"

    def __init__(self, last_revision: int) -> None:
        super().__init__(
            f"this subscriber fell behind and was evicted; it was told of all up to revision {last_revision}: "
            "read the key again and subscribe anew"
        )
        self.last_revision = last_revision

    def __reduce__(self) -> tuple[type[SubscriberEvictedError], tuple[int]]:
        return type(self), (self.last_revision,)
