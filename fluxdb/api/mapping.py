"""A dict over the documents of a prefix, for those who come from shelve, sqlitedict or diskcache."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, MutableMapping, ValuesView
from typing import Any, Final

from fluxdb.engine.handle import EngineHandle
from fluxdb.engine.ranges import ScanRange
from fluxdb.errors import InvalidKeyError, VersionConflictError
from fluxdb.values import encode

NO_DOCUMENT: Final = 0  # as if_version: the key must not exist

_MISSING: Final = object()


class DocumentMapping(MutableMapping[str, Any]):
    """Plain values by key, without the prefix; in key order. Made by FluxDB.mapping().

    Each assignment and each deletion is a write, durable when it returns, and costs a commit: update() and clear() cost
    one for each key. Writes of many keys as one are a batch. setdefault(), pop() and popitem() are atomic: of several
    threads or processes that pop, no two get the same item. A value that was read is yours: to change what is
    stored, assign it.
    len() and iteration show what is there at that moment; iteration may go on while anyone writes, and shows every key
    that exists throughout exactly once.
    """

    def __init__(self, handle: EngineHandle, prefix: str) -> None:
        if not isinstance(prefix, str):
            raise InvalidKeyError(f"a prefix is a str, not {type(prefix).__qualname__}")
        self._handle = handle
        self._prefix = prefix

    @property
    def prefix(self) -> str:
        """The beginning of the documents' keys."""
        return self._prefix

    def __repr__(self) -> str:
        return f"<fluxdb mapping of {self._prefix!r}>"

    def _key(self, name: str) -> str:
        if not isinstance(name, str):
            raise InvalidKeyError(f"a key is a str, not {type(name).__qualname__}")
        return self._prefix + name

    # Reading

    def __getitem__(self, name: str) -> Any:
        document = self._handle.get(self._key(name))
        if document is None:
            raise KeyError(name)
        return document.value

    def __contains__(self, name: object) -> bool:
        return self._handle.contains(self._key(name))  # type: ignore[arg-type]  # raises InvalidKeyError

    def __len__(self) -> int:
        return self._handle.count(self._prefix).count

    def __bool__(self) -> bool:
        return bool(self._handle.scan_keys(ScanRange(self._prefix, limit=1)).entries)

    def __iter__(self) -> Iterator[str]:
        return self._names(reverse=False)

    def __reversed__(self) -> Iterator[str]:
        return self._names(reverse=True)

    def _names(self, *, reverse: bool) -> Iterator[str]:
        cut = len(self._prefix)
        rest = ScanRange(self._prefix, reverse=reverse)
        while True:
            page = self._handle.scan_keys(rest)
            for key in page.entries:
                yield key[cut:]
            if not page.more:
                return
            rest = rest._replace(after=page.last)

    def _pairs(self, *, reverse: bool) -> Iterator[tuple[str, Any]]:
        cut = len(self._prefix)
        rest = ScanRange(self._prefix, reverse=reverse)
        while True:
            page = self._handle.scan(rest)
            for key, document in page.entries:
                yield key[cut:], document.value
            if not page.more:
                return
            rest = rest._replace(after=page.last)

    def keys(self) -> KeysView[str]:
        return _Keys(self)

    def values(self) -> ValuesView[Any]:
        return _Values(self)

    def items(self) -> ItemsView[str, Any]:
        return _Items(self)

    # Writing

    def __setitem__(self, name: str, value: Any) -> None:
        self._handle.set(self._key(name), encode(value))

    def __delitem__(self, name: str) -> None:
        if self._handle.delete(self._key(name)) is None:
            raise KeyError(name)

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """Return the value of ``key``; if it is missing, store and return ``default``. Atomic."""
        text = encode(default)
        while True:
            document = self._handle.get(self._key(key))
            if document is not None:
                return document.value
            try:
                self._handle.set(self._key(key), text, NO_DOCUMENT)
            except VersionConflictError:  # another was faster: its value counts
                continue
            return default

    def pop(self, key: str, default: Any = _MISSING, /) -> Any:
        """Delete ``key`` and return its value; if it is missing, ``default`` or KeyError. Atomic."""
        while True:
            document = self._handle.get(self._key(key))
            if document is None:
                if default is _MISSING:
                    raise KeyError(key)
                return default
            if self._delete_at(self._key(key), document.version):
                return document.value

    def popitem(self) -> tuple[str, Any]:
        """Delete the last key, in key order, and return it with its value; KeyError if the mapping is empty. Atomic."""
        while True:
            page = self._handle.scan(ScanRange(self._prefix, limit=1, reverse=True))
            if not page.entries:
                raise KeyError("the mapping is empty")
            key, document = page.entries[0]
            if self._delete_at(key, document.version):
                return key[len(self._prefix) :], document.value

    def _delete_at(self, key: str, version: int) -> bool:
        """False: it was written, or deleted, since."""
        try:
            return self._handle.delete(key, version) is not None
        except VersionConflictError:
            return False

    def clear(self) -> None:
        """Delete every key that is there now; a commit each. Keys that are written meanwhile may stay."""
        for name in self:
            self._handle.delete(self._prefix + name)

    def update(self, other: Any = (), /, **more: Any) -> None:
        """Store all items of ``other`` and all keywords; a commit each. If one fails, those before it are stored."""
        MutableMapping.update(self, other, **more)


class _Keys(KeysView[str]):
    _mapping: DocumentMapping

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._mapping)


class _Values(ValuesView[Any]):
    _mapping: DocumentMapping

    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in self._mapping._pairs(reverse=False))

    def __reversed__(self) -> Iterator[Any]:
        return (value for _, value in self._mapping._pairs(reverse=True))


class _Items(ItemsView[str, Any]):
    _mapping: DocumentMapping

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return self._mapping._pairs(reverse=False)

    def __reversed__(self) -> Iterator[tuple[str, Any]]:
        return self._mapping._pairs(reverse=True)
