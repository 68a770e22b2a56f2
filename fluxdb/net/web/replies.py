"""Replies of the wire about several documents, made of stored text, which is never parsed."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from fluxdb.engine.handle import Written
from fluxdb.engine.operation import BatchWritten, Incremented
from fluxdb.engine.ranges import Counted, Many, Page, StoredText
from fluxdb.net import lines


def documents(found: Many[tuple[bytes, int]]) -> bytes:
    docs = [b"null" if doc is None else b'{"value":%b,"version":%d}' % doc for doc in found.documents]
    return b'{"kind":"values","docs":[%b],"revision":%d}' % (b",".join(docs), found.revision)


def page(found: Page[StoredText]) -> bytes:
    return _page([_entry(entry) for entry in found.entries], found.more, found.revision)


def page_of_keys(found: Page[str]) -> bytes:
    return _page([b'{"key":%b}' % orjson.dumps(key) for key in found.entries], found.more, found.revision)


def _page(entries: Iterable[bytes], more: bool, revision: int) -> bytes:
    form = b'{"kind":"page","entries":[%b],"more":%b,"revision":%d}'
    return form % (b",".join(entries), b"true" if more else b"false", revision)


def _entry(entry: StoredText) -> bytes:
    expiry = b"" if entry.expires_at is None else b',"expires_at":%b' % orjson.dumps(entry.expires_at)
    return b'{"key":%b,"value":%b,"version":%d%b}' % (orjson.dumps(entry.key), entry.text, entry.version, expiry)


def count(found: Counted) -> bytes:
    return b'{"kind":"count","count":%d,"revision":%d}' % (found.count, found.revision)


def incremented(result: Incremented) -> bytes:
    return b'{"kind":"ok","value":%d,"version":%d,"revision":%d}' % (result.value, result.version, result.revision)


def touched(outcome: Written | None) -> bytes:
    """``outcome`` is None if the key is missing."""
    return b'{"kind":"ok","touched":false}' if outcome is None else lines.written(outcome)


def batch(result: BatchWritten) -> bytes:
    versions = orjson.dumps(result.versions)
    return b'{"kind":"ok","versions":%b,"revision":%d}' % (versions, result.revision)
