"""A file and a directory between a process and the disk: what reads give, what is durable, what is in flight."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

SECTOR_BYTES = 512
_CHUNK_BYTES = 4096
_ZEROS = bytes(_CHUNK_BYTES)


@dataclass(frozen=True)
class Content:
    """A file's bytes: ``data``, then zeros up to ``size``."""

    data: bytes
    size: int

    @classmethod
    def of(cls, data: bytes | bytearray) -> Content:
        end = len(data)
        while end >= _CHUNK_BYTES and data[end - _CHUNK_BYTES : end] == _ZEROS:  # rstrip goes byte by byte
            end -= _CHUNK_BYTES
        return cls(bytes(data[:end].rstrip(b"\0")), len(data))

    @cached_property
    def digest(self) -> bytes:
        return hashlib.blake2b(self.data, digest_size=16).digest() + self.size.to_bytes(8, "little")


class State:
    """Return the content of the recorded directory: path below it -> content, None for a directory."""

    def __init__(self, files: dict[str, Content | None]) -> None:
        self.files = files

    @property
    def key(self) -> str:
        """Equal for equal states."""
        digest = hashlib.blake2b(digest_size=16)
        for path, content in sorted(self.files.items()):
            digest.update(path.encode() + b"\0" + (b"folder" if content is None else content.digest))
        return digest.hexdigest()

    def write_to(self, root: Path) -> None:
        """Make it real, in an empty directory."""
        for path, content in sorted(self.files.items()):
            if content is None:
                (root / path).mkdir()
                continue
            with (root / path).open("wb", buffering=0) as file:
                file.write(content.data)
                file.truncate(content.size)

    @classmethod
    def read_from(cls, root: Path) -> State:
        """Return the content of a real directory."""
        files: dict[str, Content | None] = {}
        for path in sorted(root.rglob("*")):
            files[str(path.relative_to(root))] = None if path.is_dir() else Content.of(path.read_bytes())
        return cls(files)

    def without(self, *names: str) -> State:
        """The same, but for files of these names."""
        return State({path: content for path, content in self.files.items() if Path(path).name not in names})

    def changed(self, path: str, content: Content | None) -> State:
        """The same, but for one file (None: which is not there)."""
        files = {**self.files, path: content}
        if content is None:
            del files[path]
        return State(files)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.files == other.files

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(eq=False)
class File:
    """An inode: what reads give, what is on the platter, and which sectors are in flight."""

    cache: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    dirty: dict[int, int] = field(default_factory=dict)  # sector -> number of its last write
    size_dirty: bool = False
    writes: list[tuple[int, bytes]] = field(default_factory=list)  # since the last sync began
    syncing: dict[int, tuple[dict[int, int], bytes]] = field(default_factory=dict)  # fd -> dirty, cache, as it began
    clock: int = 0
    _known: dict[str, tuple[int, Content]] = field(default_factory=dict)  # when it was last made, and what it was

    def seen(self) -> Content:
        """Return what reads give."""
        return self._remember("seen", self.cache)

    def _remember(self, name: str, data: bytearray) -> Content:
        if name not in self._known or self._known[name][0] != self.clock:
            self._known[name] = (self.clock, Content.of(data))
        return self._known[name][1]

    def resize(self, size: int) -> None:
        if size == len(self.cache):
            return
        self.size_dirty = True
        self.clock += 1
        if size < len(self.cache):
            del self.cache[size:]
            for sector in [s for s in self.dirty if s * SECTOR_BYTES >= size]:
                del self.dirty[sector]
        else:
            start = len(self.cache)
            self.cache.extend(bytes(size - start))
            if any(self.durable[start:size]):
                self.touch(start, size)

    def touch(self, start: int, end: int) -> None:
        for sector in range(start // SECTOR_BYTES, -(-end // SECTOR_BYTES)):
            self.dirty[sector] = self.clock

    def write(self, offset: int, data: bytes) -> None:
        if not data:
            return
        if offset + len(data) > len(self.cache):
            self.resize(offset + len(data))
        self.clock += 1
        self.cache[offset : offset + len(data)] = data
        self.touch(offset, offset + len(data))
        self.writes.append((offset, data))

    def sync_begins(self, fd: int) -> None:
        self.syncing[fd] = (dict(self.dirty), bytes(self.cache))
        self.writes = []

    def sync_done(self, fd: int, failed: bool) -> None:
        dirty, cache = self.syncing.pop(fd)
        self.clock += 1
        if not failed:
            if len(self.durable) < len(cache):
                self.durable.extend(bytes(len(cache) - len(self.durable)))
            del self.durable[len(cache) :]
            for sector in dirty:
                at = sector * SECTOR_BYTES
                self.durable[at : at + SECTOR_BYTES] = cache[at : at + SECTOR_BYTES]
            self.size_dirty = len(self.cache) != len(cache)
        for sector, clock in dirty.items():
            if self.dirty.get(sector) == clock:
                del self.dirty[sector]

    def after_power_cut(self, sectors: Collection[int], with_size: bool) -> Content:
        """With these of the dirty sectors on the platter, and the new size where it says so."""
        if not sectors and not (with_size and self.size_dirty):
            return self._remember("durable", self.durable)
        data = bytearray(self.durable)
        for sector in sectors:
            at, end = sector * SECTOR_BYTES, min((sector + 1) * SECTOR_BYTES, len(self.cache))
            if len(data) < end:
                data.extend(bytes(end - len(data)))
            data[at:end] = self.cache[at:end]
        if with_size:
            if len(data) < len(self.cache):
                data.extend(bytes(len(self.cache) - len(data)))
            del data[len(self.cache) :]
        return Content.of(data)


class Renaming(NamedTuple):
    """A change of a directory on its way to the disk: one name comes, or goes, or both."""

    came: str
    went: str
    node: File | Directory


@dataclass(eq=False)
class Directory:
    """Names as a process sees them, as they are on the platter, and the changes between."""

    cache: dict[str, File | Directory] = field(default_factory=dict)
    durable: dict[str, File | Directory] = field(default_factory=dict)
    pending: list[Renaming] = field(default_factory=list)
    syncing: dict[int, int] = field(default_factory=dict)  # fd -> how many were pending when it began

    def change(self, change: Renaming) -> None:
        apply_renaming(self.cache, change)
        self.pending.append(change)

    def sync_begins(self, fd: int) -> None:
        self.syncing[fd] = len(self.pending)

    def sync_done(self, fd: int, failed: bool) -> None:
        count = self.syncing.pop(fd)
        if not failed:
            for change in self.pending[:count]:
                apply_renaming(self.durable, change)
            del self.pending[:count]


def apply_renaming(names: dict[str, File | Directory], change: Renaming) -> None:
    if change.went and names.get(change.went) is change.node:
        del names[change.went]
    if change.came:
        names[change.came] = change.node
