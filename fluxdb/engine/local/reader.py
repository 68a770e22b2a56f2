"""The read actor: answers from the documents as they were last acknowledged. It has no mailbox; reads never wait."""

from __future__ import annotations

import os
from collections.abc import Callable

import orjson

from fluxdb._core.base.model import Document
from fluxdb._core.documents.documents import Documents, Reader
from fluxdb.errors import closed_error


class ReadActor:
    """GET. A write becomes visible here only after it is durable, because only then it is applied."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._reader = Reader(documents, orjson.loads)
        self._process = os.getpid()
        self._closed = False
        # One compiled call: look up, copy, parse, wrap. Raises InvalidKeyError, ClosedError.
        self.get: Callable[[str], Document | None] = self._reader.get

    def get_text(self, key: str) -> tuple[bytes, int] | None:
        if self._closed:
            raise closed_error(self._process)
        return self._documents.get(key)

    def close(self) -> None:
        self._closed = True
        self._reader.close()
