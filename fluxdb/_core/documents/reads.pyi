"""Reads in one compiled call each. All of them raise ClosedError after close(), MemoryError."""

from collections.abc import Callable, Iterable
from typing import Any

from fluxdb._core.base.model import Document
from fluxdb._core.documents.documents import Documents
from fluxdb._core.documents.entries import Entries

class Reader:
    """Reads of the documents as they were acknowledged last. Safe from any thread.

    A bound of a range is a str, "" included, or None; prefix "" is every key. ``page_documents_max`` bounds a page and
    the keys of one get_many; ``page_bytes_max`` the keys and values of a page, which one larger document may exceed.
    """

    def __init__(
        self,
        documents: Documents,
        loads: Callable[[bytes], Any],
        *,
        page_documents_max: int = 1000,
        page_bytes_max: int = 1 << 20,
    ) -> None: ...
    def close(self) -> None: ...

    # A document, or one part of it by JSON Pointer. They raise InvalidKeyError, LimitError; InvalidValueError: no
    # pointer.
    def get(self, key: str, path: str = "") -> Document | None: ...
    def get_text(self, key: str, path: str = "") -> tuple[bytes, int] | None: ...
    def contains(self, key: str) -> bool: ...

    # A page: entries, whether the range has more beyond them, the page's revision, its last key (None: it is empty).
    # They raise InvalidKeyError; InvalidValueError where limit is not a whole number from 1, or None.
    def scan(
        self, prefix: str, start: str | None, end: str | None, after: str | None, limit: int | None, reverse: bool
    ) -> tuple[Entries[tuple[str, Document]], bool, int, str | None]: ...
    def scan_keys(
        self, prefix: str, start: str | None, end: str | None, after: str | None, limit: int | None, reverse: bool
    ) -> tuple[Entries[str], bool, int, str | None]: ...
    def scan_text(
        self, prefix: str, start: str | None, end: str | None, after: str | None, limit: int | None, reverse: bool
    ) -> tuple[Entries[tuple[str, bytes, int]], bool, int, str | None]: ...
    def count(self, prefix: str = "") -> tuple[int, int]:
        """The number of documents whose key begins with ``prefix``, and the revision at which they were counted."""

    # The index of the keys is built by the first call that needs it.
    @property
    def has_index(self) -> bool: ...
    def build_index(self) -> None: ...

    # Documents of many keys at one revision, None for a missing one; and that revision. They raise as get() does.
    def get_many(self, keys: Iterable[str], path: str = "") -> tuple[list[Document | None], int]: ...
    def get_many_text(self, keys: Iterable[str], path: str = "") -> tuple[list[tuple[bytes, int] | None], int]: ...
