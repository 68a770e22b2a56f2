"""The read actor: answers from the documents as they were last acknowledged. It has no mailbox; reads never wait."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from fluxdb._core.base.model import Document
from fluxdb._core.documents.documents import Documents
from fluxdb._core.documents.reads import Reader
from fluxdb.engine.ranges import Counted, Many, Page, ScanRange, StoredText
from fluxdb.limits import Limits


class ReadActor:
    """Every read. A write becomes visible here only after it is durable, because only then it is applied.

    Raises ClosedError after close().
    """

    def __init__(self, documents: Documents, limits: Limits) -> None:
        self._reader = reader = Reader(
            documents,
            orjson.loads,
            page_documents_max=limits.page_documents_max,
            page_bytes_max=limits.page_bytes_max,
        )
        # One compiled call each.
        self.get = reader.get
        self.get_text = reader.get_text
        self.contains = reader.contains
        self.build_index = reader.build_index
        self.close = reader.close

    @property
    def has_index(self) -> bool:
        """Is the order of the keys known? If not, the next scan finds it out, which takes its time."""
        return self._reader.has_index

    def scan(self, keys: ScanRange) -> Page[tuple[str, Document]]:
        return Page(*self._reader.scan(*keys))

    def scan_keys(self, keys: ScanRange) -> Page[str]:
        return Page(*self._reader.scan_keys(*keys))

    def scan_text(self, keys: ScanRange) -> Page[StoredText]:
        entries, more, revision, last = self._reader.scan_text(*keys)
        return Page([StoredText(*entry) for entry in entries], more, revision, last)

    def count(self, prefix: str) -> Counted:
        return Counted(*self._reader.count(prefix))

    def get_many(self, keys: Iterable[str], path: str) -> Many[Document]:
        return Many(*self._reader.get_many(keys, path))

    def get_many_text(self, keys: Iterable[str], path: str) -> Many[tuple[bytes, int]]:
        return Many(*self._reader.get_many_text(keys, path))
