"""The methods that every engine offers, in this process or behind a connection.

A handle speaks JSON text. Python values are the business of the public classes (``sync``, ``aio``); a terminal or a
server passes text through unchanged. ``EngineHandle`` blocks, ``AsyncEngineHandle`` is awaited: twins by name.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Final, Protocol

from fluxdb._core.base.locked import Kept
from fluxdb._core.base.model import Document
from fluxdb.engine.operation import ANY_VERSION as ANY_VERSION
from fluxdb.engine.operation import BatchWritten, Incremented, Operation
from fluxdb.engine.ranges import Counted, Many, Page, ScanRange, StoredText
from fluxdb.engine.uncopied import DATABASE, Uncopied
from fluxdb.storage.progress import ProgressCallback

NO_BACKUP: Final = (
    "a server makes a backup on its own disk, for clients on its machine: connect to its Unix socket (fluxdb+unix://),"
    " or stop it and run `fluxdb backup DIR DEST` there"
)

# kind, key, old, new, version, revision, commit (the revision of the last write of its batch): shared by all
# subscribers, parsed by each that takes it
RawEvent = tuple[int, str, bytes | None, bytes | None, int, int, int]

# version, revision
Written = tuple[int, int]


class EngineHandle(Uncopied, ABC):
    """A blocking engine. Safe from any thread. Every method but close raises ClosedError once it is closed."""

    not_copied = DATABASE

    @abstractmethod
    def check_open(self) -> None:
        """Raises ClosedError once it is closed. Asks nobody."""

    @abstractmethod
    def get(self, key: str, path: str = "") -> Document | None:
        """The latest acknowledged document, parsed; with ``path``, a JSON Pointer, that part of it.

        Raises InvalidKeyError, LimitError; InvalidValueError: the path is no JSON Pointer.
        """

    @abstractmethod
    def get_text(self, key: str, path: str = "") -> tuple[bytes, int] | None:
        """The same as compact JSON text, and the document's version."""

    def contains(self, key: str) -> bool:
        """Is there a document of that key? Raises InvalidKeyError, LimitError."""
        return self.get_text(key) is not None

    @abstractmethod
    def scan(self, keys: ScanRange) -> Page[tuple[str, Document]]:
        """The next documents of a range, in key order, parsed. Raises InvalidKeyError, InvalidValueError."""

    @abstractmethod
    def scan_keys(self, keys: ScanRange) -> Page[str]:
        """The next keys of a range. Raises InvalidKeyError, InvalidValueError."""

    @abstractmethod
    def scan_text(self, keys: ScanRange) -> Page[StoredText]:
        """The next documents of a range, as compact JSON text. Raises InvalidKeyError, InvalidValueError."""

    @abstractmethod
    def count(self, prefix: str = "") -> Counted:
        """The number of documents whose key begins with ``prefix``. Raises InvalidKeyError."""

    @abstractmethod
    def get_many(self, keys: Iterable[str], path: str = "") -> Many[Document]:
        """The documents of many keys at one revision. Raises as get(); LimitError: more than page_documents_max."""

    @abstractmethod
    def get_many_text(self, keys: Iterable[str], path: str = "") -> Many[tuple[bytes, int]]:
        """The same as compact JSON text, each with its version."""

    @abstractmethod
    def set(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, ttl_ms: int = 0, keep_ttl: bool = False
    ) -> Written:
        """Store any JSON text. Version and revision, once it is durable.

        The document expires after ``ttl_ms`` milliseconds (0: never), with ``keep_ttl`` when it did before.
        """

    @abstractmethod
    def patch(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, remove_nulls: bool = False, ttl_ms: int = 0
    ) -> Written:
        """Merge any JSON text into the document. Version and revision, once it is durable.

        The document expires when it did before, unless ``ttl_ms`` (above 0) names another time.
        """

    @abstractmethod
    def touch(self, key: str, ttl_ms: int = 0, if_version: int = ANY_VERSION) -> Written | None:
        """Have the document expire after ``ttl_ms`` milliseconds (0: never). Version and revision, once it is durable;
        None if the key does not exist.
        """

    @abstractmethod
    def delete(self, key: str, if_version: int = ANY_VERSION) -> Written | None:
        """The tombstone's version and revision, once it is durable; None where there was no such key."""

    @abstractmethod
    def batch(self, operations: Sequence[Operation]) -> BatchWritten:
        """All of the operations or none, once they are durable; an error's ``index`` names the one at fault."""

    @abstractmethod
    def increment(self, key: str, by: int = 1, path: str = "", if_version: int = ANY_VERSION) -> Incremented:
        """The sum of the integer at ``path`` (a JSON Pointer) and ``by``, with version and revision, once durable."""

    @abstractmethod
    def subscribe(self, keys: Sequence[str], kept: Kept | None = None) -> Subscriber:
        """Return a subscriber that gets every change of the keys that commits after this call.

        ``kept`` has it from its making on, so that it can be closed where a signal handler raises before the return.
        """

    @abstractmethod
    def checkpoint(self) -> int:
        """Write a snapshot of all that was acknowledged before the call. Its revision, once it is durable."""

    @abstractmethod
    def backup(self, folder: str | os.PathLike[str], progress: ProgressCallback | None = None) -> int:
        """Make a complete copy in a new folder, while writers continue. Its revision, once it is durable.

        A server makes it on its own disk, and only for clients on its machine.
        """

    @abstractmethod
    def info(self) -> dict[str, Any]:
        """State, counters, limits."""

    @abstractmethod
    def ping(self) -> None:
        """Return where the engine answers, raise where it does not."""

    @abstractmethod
    def close(self) -> None:
        """Wait for writes in flight, end subscribers, release everything. Idempotent."""


class AsyncEngineHandle(Uncopied, ABC):
    """An engine for one event loop. Methods as in EngineHandle; an awaitable that is dropped may take effect or not."""

    not_copied = DATABASE

    @abstractmethod
    def check_open(self) -> None: ...

    @abstractmethod
    async def get(self, key: str, path: str = "") -> Document | None: ...

    @abstractmethod
    async def get_text(self, key: str, path: str = "") -> tuple[bytes, int] | None: ...

    async def contains(self, key: str) -> bool:
        return await self.get_text(key) is not None

    @abstractmethod
    async def scan(self, keys: ScanRange) -> Page[tuple[str, Document]]: ...

    @abstractmethod
    async def scan_keys(self, keys: ScanRange) -> Page[str]: ...

    @abstractmethod
    async def scan_text(self, keys: ScanRange) -> Page[StoredText]: ...

    @abstractmethod
    async def count(self, prefix: str = "") -> Counted: ...

    @abstractmethod
    async def get_many(self, keys: Iterable[str], path: str = "") -> Many[Document]: ...

    @abstractmethod
    async def get_many_text(self, keys: Iterable[str], path: str = "") -> Many[tuple[bytes, int]]: ...

    @abstractmethod
    def set(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, ttl_ms: int = 0, keep_ttl: bool = False
    ) -> Awaitable[Written]: ...

    @abstractmethod
    def patch(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, remove_nulls: bool = False, ttl_ms: int = 0
    ) -> Awaitable[Written]: ...

    @abstractmethod
    def touch(self, key: str, ttl_ms: int = 0, if_version: int = ANY_VERSION) -> Awaitable[Written | None]: ...

    @abstractmethod
    def delete(self, key: str, if_version: int = ANY_VERSION) -> Awaitable[Written | None]: ...

    @abstractmethod
    async def batch(self, operations: Sequence[Operation]) -> BatchWritten: ...

    @abstractmethod
    async def increment(self, key: str, by: int = 1, path: str = "", if_version: int = ANY_VERSION) -> Incremented: ...

    @abstractmethod
    async def subscribe(self, keys: Sequence[str], kept: Kept | None = None) -> AsyncSubscriber: ...

    @abstractmethod
    async def checkpoint(self) -> int: ...

    @abstractmethod
    async def backup(self, folder: str | os.PathLike[str], progress: ProgressCallback | None = None) -> int: ...

    @abstractmethod
    async def info(self) -> dict[str, Any]: ...

    @abstractmethod
    async def ping(self) -> None: ...

    @abstractmethod
    async def close(self) -> None: ...


class Subscriber(Protocol):
    """One who watches keys, as the engine sees him."""

    @property
    def last_revision(self) -> int:
        """The revision of the last event taken (0: none)."""

    def take(self) -> RawEvent | None:
        """Return the next event; None if none has arrived yet. Raises SubscriberEvictedError; ClosedError after the
        last.
        """

    def wait(self, timeout_seconds: float | None) -> None:
        """Block until take() has something to say, or the time is over."""

    def close(self) -> None:
        """Take no more events. Wakes who waits. Idempotent; never blocks, so it may be called by a finalizer."""


class AsyncSubscriber(Protocol):
    """As Subscriber, for one event loop."""

    @property
    def last_revision(self) -> int: ...

    def take(self) -> RawEvent | None: ...

    def wait(self) -> Awaitable[None]: ...

    def close(self) -> None: ...
