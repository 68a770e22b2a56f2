"""Read, compute, write if nothing has changed meanwhile; again on a conflict. Blocking.

No lock is held between the read and the write: the versions that were read are conditions of the write (CHECK).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from fluxdb._core.base.model import Document
from fluxdb.api.batches import Batch, Operations, check_step, condition
from fluxdb.engine.handle import EngineHandle
from fluxdb.engine.operation import Operation
from fluxdb.errors import LimitError, VersionConflictError
from fluxdb.limits import DEFAULT_LIMITS
from fluxdb.model import Kind
from fluxdb.values import encode

T = TypeVar("T")

PAUSE_SECONDS = 0.001  # at most, before the first new try; twice as long before each further one,
PAUSE_SECONDS_MAX = 0.05  # up to this


class Tries:
    """Count the tries of one transaction, and say how long to wait before the next one."""

    def __init__(self, tries_max: int) -> None:
        self._tries_max = tries_max
        self._tries = 0

    def pause_seconds(self, conflict: VersionConflictError) -> float:
        """Raises LimitError after the last try."""
        self._tries += 1
        if self._tries >= self._tries_max:
            raise LimitError(
                f"others wrote meanwhile in each of {self._tries} tries (transaction_tries_max), last key "
                f"{conflict.key!r:.80}; nothing was written: try again later, or let fewer write the same keys at once"
            ) from conflict
        from random import uniform  # imported by the first conflict: it takes longer than most of the rest

        return uniform(0, min(PAUSE_SECONDS * 2 ** min(self._tries, 10), PAUSE_SECONDS_MAX))


class Reads(Operations):
    """The operations of a transaction, and what it has read."""

    def __init__(self) -> None:
        super().__init__()
        self._read: dict[str, Document | None] = {}

    def _check_unwritten(self, key: str) -> None:
        self._check_open()
        if any(operation.key == key and operation.kind != Kind.CHECK for operation in self._operations):
            raise ValueError(f"key {key!r:.80} was written in this transaction already: read it before")

    def _begin_transaction(self) -> tuple[Operation, ...]:
        checks = (
            Operation(Kind.CHECK, key, None, 0 if document is None else document.version)
            for key, document in self._read.items()
        )
        return (*checks, *self._begin_commit())


class Transaction(Reads):
    """The view that FluxDB.transaction() passes to its function: reads, and writes that take effect at its end, or not
    at all.
    """

    def __init__(self, handle: EngineHandle) -> None:
        super().__init__()
        self._handle = handle

    def get(self, key: str) -> Document | None:
        """The document; the same one each time. At the end the key must still be at its version, or all is done again.

        ValueError if the transaction has written the key: its writes take effect at the end. Values are not copied.
        """
        self._check_unwritten(key)
        if key not in self._read:
            self._read[key] = self._handle.get(key)
        return self._read[key]

    def _commit(self) -> None:
        operations = self._begin_transaction()
        if operations:
            self._handle.batch(operations)


class BlockingBatches:
    """The batches of fluxdb.FluxDB."""

    _handle: EngineHandle
    _tries_max: int = DEFAULT_LIMITS.transaction_tries_max

    def batch(self) -> Batch:
        """Collect operations that take effect together or not at all; commit() it, or use it as a context manager."""
        return Batch(self._handle)

    def increment(self, key: str, by: int = 1, path: str = "", *, if_version: int | None = None) -> Document:
        """Add ``by`` to the integer of the document, or to the one at ``path`` in it (a JSON Pointer: "/a/0").

        One write, without a retry: any number of callers may add at once. Returns the new number with the document's
        version. A missing one counts as 0, and missing objects on the way to it are made.
        Raises InvalidValueError if something else stands there (a float, too), or for another ``by``; LimitError if the
        sum is beyond 64 bits; and the errors of set().
        """
        written = self._handle.increment(key, check_step(by), path, condition(if_version))
        return Document(written.value, written.version)

    def update(self, key: str, function: Callable[[Any], Any], default: Any = None) -> Document:
        """Store what ``function`` makes of the value (of ``default`` if the key is missing). Returns the new document.

        If somebody else writes the key meanwhile, it is read again and ``function`` is called again, at most
        Limits.transaction_tries_max times, then LimitError. The errors of set(); what ``function`` raises comes out.
        """
        tries = Tries(self._tries_max)
        while True:
            document = self._handle.get(key)
            value = function(default if document is None else document.value)
            try:
                version, _ = self._handle.set(key, encode(value), 0 if document is None else document.version)
            except VersionConflictError as conflict:
                pause = tries.pause_seconds(conflict)
            else:
                return Document(value, version)
            time.sleep(pause)

    def transaction(self, function: Callable[[Transaction], T]) -> T:
        """Call ``function`` with a Transaction, commit what it wrote if nothing it read has changed; return its result.

        On a conflict ``function`` is called again with a new Transaction: it may run several times, at most
        Limits.transaction_tries_max, then LimitError. So it should do nothing but read and write through it. Two reads
        of different keys may be of different moments; then the commit fails and it runs again. If it raises, nothing is
        written. Its own conditions (check(), if_version) count as conflicts too. Errors as of Batch.commit().
        """
        tries = Tries(self._tries_max)
        while True:
            transaction = Transaction(self._handle)
            result = function(transaction)
            try:
                transaction._commit()
            except VersionConflictError as conflict:
                pause = tries.pause_seconds(conflict)
            else:
                return result
            time.sleep(pause)
