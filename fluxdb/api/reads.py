"""Reads of many documents, in the blocking API and the awaited one: ranges in key order, and keys one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from itertools import chain
from typing import TypeVar

from fluxdb._core.base.model import Document
from fluxdb.api.mapping import DocumentMapping
from fluxdb.engine.handle import AsyncEngineHandle, EngineHandle
from fluxdb.engine.ranges import Page, ScanRange
from fluxdb.errors import InvalidKeyError, InvalidValueError

T = TypeVar("T")


class BlockingReads:
    """Reads of fluxdb.FluxDB."""

    _handle: EngineHandle

    def scan(
        self,
        prefix: str = "",
        *,
        start: str | None = None,
        end: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[str, Document]]:
        """Iterate over the documents whose key begins with ``prefix``, in the order of the keys (by code point).

        ``start`` is the smallest key that counts, ``end`` the first that does not, ``after`` the key after which to
        begin (with ``reverse``: below which). ``limit``: no more documents than that.
        The documents come in pages of at most Limits.page_documents_max and page_bytes_max, each as of one revision.
        Writers go on meanwhile: every key that exists throughout comes exactly once, in order. A page's values are
        parsed as their turn comes. The first scan of an open database sorts its keys, which takes its time.
        Raises InvalidKeyError, InvalidValueError, ClosedError.
        """
        keys = scan_range(prefix, start, end, after, limit, reverse)
        return each_entry(self._handle.scan, keys)

    def keys(
        self,
        prefix: str = "",
        *,
        start: str | None = None,
        end: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[str]:
        """Iterate over the keys alone, several times as fast. Everything else as in scan()."""
        keys = scan_range(prefix, start, end, after, limit, reverse)
        return each_entry(self._handle.scan_keys, keys)

    def count(self, prefix: str = "") -> int:
        """Return the number of documents whose key begins with ``prefix``. Raises InvalidKeyError, ClosedError.

        Its time does not depend on how many there are, once the keys are sorted (see scan()).
        """
        return self._handle.count(prefix).count

    def get_many(self, keys: Iterable[str], path: str = "") -> list[Document | None]:
        """Return the documents of ``keys``, in their order, all as of one revision; None for a missing one.

        ``path`` as in get(). Raises InvalidKeyError, ClosedError; LimitError: more keys than Limits.page_documents_max.
        """
        return list(self._handle.get_many(keys, path).documents)

    def contains(self, key: str) -> bool:
        """Return whether there is a document of that key. Raises InvalidKeyError, LimitError, ClosedError."""
        return self._handle.contains(key)

    def mapping(self, prefix: str = "") -> DocumentMapping:
        """Return a dict of the plain values under the keys with that prefix, which its keys leave out."""
        return DocumentMapping(self._handle, prefix)

    def __contains__(self, key: str) -> bool:
        return self._handle.contains(key)

    def __len__(self) -> int:
        """Return the number of documents, as count() does. An open database is true, even an empty one."""
        return self._handle.count("").count

    def __bool__(self) -> bool:
        return True


class AwaitedReads:
    """Reads of fluxdb.aio.FluxDB, named as in BlockingReads.

    A mapping, ``len`` and ``in`` can't wait: ``await db.count()`` and ``await db.contains(key)`` do.
    """

    _handle: AsyncEngineHandle

    def scan(
        self,
        prefix: str = "",
        *,
        start: str | None = None,
        end: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> AsyncIterator[tuple[str, Document]]:
        """Iterate, by ``async for``, over the documents whose key begins with ``prefix``, in the order of the keys.

        ``start`` is the smallest key that counts, ``end`` the first that does not, ``after`` the key after which to
        begin (with ``reverse``: below which). ``limit``: no more documents than that.
        The documents come in pages of at most Limits.page_documents_max and page_bytes_max, each as of one revision.
        Writers go on meanwhile: every key that exists throughout comes exactly once, in order. A page's values are
        parsed as their turn comes. The first scan of an open database sorts its keys, in another thread.
        Raises InvalidKeyError, InvalidValueError, ClosedError.
        """
        keys = scan_range(prefix, start, end, after, limit, reverse)
        return each_entry_awaited(self._handle.scan, keys)

    def keys(
        self,
        prefix: str = "",
        *,
        start: str | None = None,
        end: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> AsyncIterator[str]:
        """Iterate over the keys alone, several times as fast. Everything else as in scan()."""
        keys = scan_range(prefix, start, end, after, limit, reverse)
        return each_entry_awaited(self._handle.scan_keys, keys)

    async def count(self, prefix: str = "") -> int:
        """Return the number of documents whose key begins with ``prefix``. Raises InvalidKeyError, ClosedError."""
        return (await self._handle.count(prefix)).count

    async def get_many(self, keys: Iterable[str], path: str = "") -> list[Document | None]:
        """Return the documents of ``keys``, in their order, all as of one revision; None for a missing one.

        ``path`` as in get(). Raises InvalidKeyError, ClosedError; LimitError: more keys than Limits.page_documents_max.
        """
        return list((await self._handle.get_many(keys, path)).documents)

    async def contains(self, key: str) -> bool:
        """Return whether there is a document of that key. Raises InvalidKeyError, LimitError, ClosedError."""
        return await self._handle.contains(key)


def scan_range(
    prefix: str, start: str | None, end: str | None, after: str | None, limit: int | None, reverse: bool
) -> ScanRange:
    """Raises InvalidKeyError and InvalidValueError where something is of a wrong type."""
    if not isinstance(prefix, str):
        raise InvalidKeyError(f"a prefix is a str, not {type(prefix).__qualname__}")
    for bound in (start, end, after):
        if bound is not None and not isinstance(bound, str):
            raise InvalidKeyError(f"a bound of a range is a str, not {type(bound).__qualname__}")
    if limit is not None and (type(limit) is not int or limit < 0):
        raise InvalidValueError(f"limit must be a whole number from 0, or None, not {limit!r:.60}")
    return ScanRange(prefix, start, end, after, limit, bool(reverse))


def next_range(keys: ScanRange, page: Page[T]) -> ScanRange | None:
    """The rest of the range; None: nothing is left."""
    left = None if keys.limit is None else keys.limit - len(page.entries)
    if not page.more or left == 0:
        return None
    return keys._replace(after=page.last, limit=left)


def each_entry(read_page: Callable[[ScanRange], Page[T]], keys: ScanRange) -> Iterator[T]:
    return chain.from_iterable(each_page(read_page, keys))  # without a step of Python for each entry


def each_page(read_page: Callable[[ScanRange], Page[T]], keys: ScanRange) -> Iterator[Iterable[T]]:
    rest = None if keys.limit == 0 else keys
    while rest is not None:
        page = read_page(rest)
        yield page.entries
        rest = next_range(rest, page)


async def each_entry_awaited(read_page: Callable[[ScanRange], Awaitable[Page[T]]], keys: ScanRange) -> AsyncIterator[T]:
    rest = None if keys.limit == 0 else keys
    while rest is not None:
        page = await read_page(rest)
        for entry in page.entries:
            yield entry
        rest = next_range(rest, page)
