"""One operation of a batch, as every engine takes it; and what a batch, and an increment, come to."""

from __future__ import annotations

from typing import Final, NamedTuple

ANY_VERSION: Final = -1  # as if_version: no condition


class Operation(NamedTuple):
    """An operation of a batch. ``kind`` is a number of fluxdb.model.Kind; fields that it has no use for are unset.

    SET and PATCH need ``text``, any JSON text. INCREMENT adds ``by`` to the number at ``path`` (a JSON Pointer).
    SET, PATCH and TOUCH take ``ttl_ms``, SET takes ``keep_ttl``, as the methods of a handle do.
    CHECK writes nothing: it is a condition, either ``if_version`` (0: the key must not exist) or ``exists``.
    Every other kind takes ``if_version`` as well: it sees what the operations before it in the batch do.
    """

    kind: int
    key: str
    text: bytes | None = None
    if_version: int = ANY_VERSION
    exists: bool = False  # of a CHECK: the key must exist, whatever its version
    by: int = 1
    path: str = ""
    ttl_ms: int = 0
    keep_ttl: bool = False


class BatchWritten(NamedTuple):
    """A durable batch. ``revision``: of its last write; of a batch that only checks, the one that it was checked at.

    ``versions`` has one entry per operation: the version of its key after it, or None if it wrote nothing (a CHECK,
    a DELETE of a missing key).
    """

    revision: int
    versions: list[int | None]


class Incremented(NamedTuple):
    """The number after an INCREMENT that is durable, and the version and revision that it got."""

    value: int
    version: int
    revision: int
