"""Ordered reads: which keys are asked for, and what comes back, each at exactly one revision of the database.

Keys are ordered by code point, which is the order of their UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class ScanRange(NamedTuple):
    """The keys that begin with ``prefix``, from ``start`` (inclusive) to ``end`` (exclusive); None: no bound.

    ``after`` is the key after which a page begins, in the direction of the scan: with ``reverse``, smaller keys
    follow. The next page is the same range with ``after`` set to the last key of this one. ``limit``, from 1, bounds
    the entries of a page, as do Limits.page_documents_max and page_bytes_max in any case.
    """

    prefix: str = ""
    start: str | None = None
    end: str | None = None
    after: str | None = None
    limit: int | None = None
    reverse: bool = False


class StoredText(NamedTuple):
    """A document as compact JSON text. ``expires_at``: seconds since 1970; None: it never expires."""

    key: str
    text: bytes
    version: int
    expires_at: float | None = None


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some entries of a range, in its order, as they were at ``revision``.

    ``more``: the range has keys beyond ``last``, the last key of this page. A page with ``more`` is never empty.
    """

    entries: Sequence[T]
    more: bool
    revision: int
    last: str | None


@dataclass(frozen=True)
class Counted:
    """A number of live documents, at ``revision``."""

    count: int
    revision: int


@dataclass(frozen=True)
class Many(Generic[T]):
    """The documents of the requested keys, in that order, at ``revision``; None for a missing document."""

    documents: Sequence[T | None]
    revision: int
