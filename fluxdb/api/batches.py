"""Batches: operations of several keys that take effect together or not at all. Blocking, and awaited."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fluxdb.engine.handle import AsyncEngineHandle, EngineHandle
from fluxdb.engine.operation import ANY_VERSION, BatchWritten, Operation
from fluxdb.errors import ClosedError, FluxDBError, InvalidValueError, LimitError
from fluxdb.model import Kind
from fluxdb.twin import Awaited, Blocking
from fluxdb.values import Ttl, check_version, encode, ttl_ms

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from CPython 3.11 on

BY_MIN, BY_MAX = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class BatchResult:
    """A durable batch: the ``revision`` of its last write, and one version per operation, in order.

    A version is None where nothing was written: for a check, and for the deletion or the touch of a missing key. If
    nothing was written at all, ``revision`` is one at which all checks held.
    """

    revision: int
    versions: tuple[int | None, ...]


def condition(if_version: int | None) -> int:
    return ANY_VERSION if if_version is None else check_version(if_version)


def check_step(by: object) -> int:
    """Return what is added by an increment. Raises InvalidValueError, LimitError."""
    if not isinstance(by, int) or isinstance(by, bool):
        raise InvalidValueError(f"only an integer can be added, not {by!r:.80} ({type(by).__name__})")
    if not BY_MIN <= by <= BY_MAX:
        raise LimitError(f"{by} is beyond a signed 64-bit integer (-2**63 to 2**63 - 1): it can't be added")
    return by


class Operations:
    """Operations that are collected, in order. Values are checked, and copied, when they are given."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._is_over = False

    def __len__(self) -> int:
        return len(self._operations)

    def check(self, key: str, version: int | None = None, *, exists: bool | None = None) -> None:
        """Require that ``key`` is at ``version`` (0: it does not exist), or that it ``exists`` or does not.

        It writes nothing. Exactly one of the two is given, else ValueError.
        """
        if (version is None) == (exists is None):
            raise ValueError("check() needs a version, or exists, and not both")
        wanted = 0 if exists is False else condition(version)
        self._add(Operation(Kind.CHECK, key, None, wanted, exists=bool(exists)))

    def set(
        self,
        key: str,
        value: Any,
        *,
        if_version: int | None = None,
        ttl: Ttl | None = None,
        keep_ttl: bool = False,
    ) -> None:
        """Store ``value``, as FluxDB.set() does; ``ttl`` counts from the commit. Raises InvalidValueError at once."""
        lifetime_ms = ttl_ms(ttl, keep_ttl=keep_ttl)
        operation = Operation(
            Kind.SET, key, encode(value), condition(if_version), ttl_ms=lifetime_ms, keep_ttl=keep_ttl
        )
        self._add(operation)

    def patch(
        self,
        key: str,
        delta: Any,
        *,
        if_version: int | None = None,
        remove_nulls: bool = False,
        ttl: Ttl | None = None,
    ) -> None:
        """Merge ``delta`` into the document, as FluxDB.patch() does. Raises InvalidValueError at once."""
        kind = Kind.PATCH_REMOVE_NULLS if remove_nulls else Kind.PATCH
        self._add(Operation(kind, key, encode(delta), condition(if_version), ttl_ms=ttl_ms(ttl)))

    def touch(self, key: str, ttl: Ttl | None, *, if_version: int | None = None) -> None:
        """Have the document expire after ``ttl`` (None: never), as FluxDB.touch() does. For a missing key nothing is
        written."""
        self._add(Operation(Kind.TOUCH, key, None, condition(if_version), ttl_ms=ttl_ms(ttl)))

    def delete(self, key: str, *, if_version: int | None = None) -> None:
        """Delete the document. For a missing key nothing is written."""
        self._add(Operation(Kind.DELETE, key, None, condition(if_version)))

    def increment(self, key: str, by: int = 1, path: str = "", *, if_version: int | None = None) -> None:
        """Add ``by`` to an integer, as FluxDB.increment() does."""
        self._add(Operation(Kind.INCREMENT, key, None, condition(if_version), by=check_step(by), path=path))

    def _add(self, operation: Operation) -> None:
        self._check_open()
        self._operations.append(operation)

    def _check_open(self) -> None:
        if self._is_over:
            raise ClosedError("this batch is over: it was committed or dropped; make another one")

    def _begin_commit(self) -> tuple[Operation, ...]:
        self._check_open()
        self._is_over = True
        return tuple(self._operations)

    def _failed(self, error: BaseException) -> None:
        """Nothing was written, for sure: it may be committed again."""
        if isinstance(error, FluxDBError) and not error.maybe_applied:
            self._is_over = False


def result_of(written: BatchWritten) -> BatchResult:
    return BatchResult(written.revision, tuple(written.versions))


class Batch(Operations, Blocking):
    """Collects operations of any keys; commit() makes all of them durable together, or none.

    As a context manager it commits at the end of the block, and drops everything if the block raises. Operations take
    effect in order, and a key may occur more than once: each sees what those before it do. A batch belongs to one
    thread.
    """

    def __init__(self, handle: EngineHandle) -> None:
        super().__init__()
        self._handle = handle
        self.result: BatchResult | None = None  # of the commit

    def commit(self) -> BatchResult:
        """Make all of it durable, or nothing. An empty batch writes nothing.

        Raises VersionConflictError, whose ``conflicts`` names every condition that does not hold, and the errors of
        set(); ``error.index`` is the place of the operation at fault. LimitError also for more than
        Limits.batch_operations_max operations or batch_bytes_max bytes. ClosedError if it was committed already.
        """
        operations = self._begin_commit()
        try:
            self.result = result_of(self._handle.batch(operations))
        except BaseException as error:
            self._failed(error)
            raise
        return self.result

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._is_over:
            self.commit()
        self._is_over = True


class AwaitedBatch(Operations, Awaited):
    """As Batch, for one task: ``await commit()``, or ``async with``. The other methods collect, and need no await."""

    def __init__(self, handle: AsyncEngineHandle) -> None:
        super().__init__()
        self._handle = handle
        self.result: BatchResult | None = None  # of the commit

    async def commit(self) -> BatchResult:
        """Make all of it durable, or nothing; see Batch.commit(). If the await is cancelled, it may be written."""
        operations = self._begin_commit()
        try:
            self.result = result_of(await self._handle.batch(operations))
        except BaseException as error:
            self._failed(error)
            raise
        return self.result

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._is_over:
            await self.commit()
        self._is_over = True
