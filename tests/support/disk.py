"""A model of a disk with a cache before it: what a power cut may leave behind at any point of a recorded run.

What the model takes for granted, and no more:
- A 512-byte sector is written whole or not at all. Unsynced sectors reach the disk in any order, or not.
- A sync makes durable what was written to that file before it began. A sync that failed makes nothing durable, and the
  kernel forgets that those sectors are not: they read fine, and a later sync of the file does nothing for them.
- A new size of a file reaches the disk with a sync, or by itself, with or without the data (which then reads as zeros).
- A name (create, rename, unlink) reaches the disk with a sync of its directory, or by itself, in any order.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.support.shim import Call
from tests.support.trace import Entry

SECTOR_BYTES = 512
O_TRUNC = 0o1000


class Content(NamedTuple):
    """A file's bytes: ``data``, then zeros up to ``size``."""

    data: bytes
    size: int

    @classmethod
    def of(cls, data: bytes | bytearray) -> Content:
        return cls(bytes(data.rstrip(b"\0")), len(data))


class State:
    """What lies in the recorded directory: path below it -> content, None for a directory."""

    def __init__(self, files: dict[str, Content | None]) -> None:
        self.files = files

    @property
    def key(self) -> str:
        """Equal for equal states."""
        digest = hashlib.blake2b(digest_size=16)
        for path, content in sorted(self.files.items()):
            digest.update(f"{path}\0{'' if content is None else content.size}\0".encode())
            if content is not None:
                digest.update(content.data)
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
        """What lies in a real directory."""
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
    """An inode: what reads give, what is on the platter, and which sectors are on their way there."""

    cache: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    dirty: dict[int, int] = field(default_factory=dict)  # sector -> number of its last write
    size_dirty: bool = False
    writes: list[tuple[int, bytes]] = field(default_factory=list)  # since the last sync began
    syncing: dict[int, tuple[dict[int, int], bytes]] = field(default_factory=dict)  # fd -> dirty, cache, as it began
    clock: int = 0

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

    def after_power_cut(self, sectors: Iterable[int], with_size: bool) -> Content:
        """With these of the dirty sectors on the platter, and the new size where it says so."""
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


class Item(NamedTuple):
    """Something that a power cut may take or leave: a sector (or -1: the size) of a file, a change of a directory."""

    node: File | Directory
    number: int


class Disk:
    """The files below ``root``, and what happened to them as far as the trace was applied."""

    def __init__(self, root: Path, state: State | None = None) -> None:
        """``state``: what lies there to begin with, all of it durable."""
        self.root = root
        self.top = Directory()
        self._open: dict[int, File | Directory] = {}
        for path, content in sorted((state.files if state else {}).items()):
            directory, name = self._at(str(root / path))
            node: File | Directory = Directory()
            if content is not None:
                data = content.data + bytes(content.size - len(content.data))
                node = File(bytearray(data), bytearray(data))
            directory.cache[name] = directory.durable[name] = node

    def _at(self, path: str) -> tuple[Directory, str]:
        parts = Path(path).relative_to(self.root).parts
        directory = self.top
        for part in parts[:-1]:
            below = directory.cache[part]
            assert isinstance(below, Directory)
            directory = below
        return directory, parts[-1] if parts else ""

    def apply(self, entry: Entry) -> None:
        """One call of the trace takes effect."""
        node = self._open.get(entry.fd)
        match entry.call:
            case Call.OPEN:
                self._opened(entry)
            case Call.CLOSE:
                self._open.pop(entry.fd, None)
            case Call.DUP:
                assert node is not None
                self._open[entry.offset] = node
            case Call.WRITE if not entry.error:
                assert isinstance(node, File)
                node.write(entry.offset, entry.data)
            case Call.TRUNCATE:
                assert isinstance(node, File)
                node.resize(entry.offset)
            case Call.ALLOCATE:
                assert isinstance(node, File)
                node.resize(max(len(node.cache), entry.offset + entry.argument))
            case Call.SYNC:
                assert node is not None
                node.sync_begins(entry.fd)
            case Call.SYNC_DONE:
                assert node is not None
                node.sync_done(entry.fd, bool(entry.error))
            case Call.RENAME:
                directory, name = self._at(entry.path)
                other, name2 = self._at(entry.path2)
                assert directory is other, "a rename between directories is not modelled"
                directory.change(Renaming(name2, name, directory.cache[name]))
            case Call.UNLINK:
                directory, name = self._at(entry.path)
                directory.change(Renaming("", name, directory.cache[name]))
            case Call.MKDIR:
                directory, name = self._at(entry.path)
                directory.change(Renaming(name, "", Directory()))

    def _opened(self, entry: Entry) -> None:
        directory, name = self._at(entry.path)
        node = directory.cache.get(name) if name else self.top
        if node is None:
            node = File()
            directory.change(Renaming(name, "", node))
        if entry.argument & O_TRUNC:
            assert isinstance(node, File)
            node.resize(0)
        self._open[entry.fd] = node

    def processes_died(self, root: Path | None = None) -> None:
        """All descriptors are gone, the cache is not; the directory goes on as ``root``."""
        self._open.clear()
        self.root = root or self.root

    # ---- what is left ----

    def seen(self) -> State:
        """What the next process reads where only this one died (``kill -9``)."""
        return State(dict(_walk(self.top, lambda d: d.cache, lambda file: Content.of(file.cache))))

    def pending(self, always: Sequence[str] = ("LOCK",)) -> list[Item]:
        """What is on its way to the disk, oldest first per file. Files named in ``always`` are kept out of it."""
        items: list[Item] = []
        seen: set[int] = set()

        def visit(node: File | Directory) -> None:
            if id(node) in seen:
                return
            seen.add(id(node))
            if isinstance(node, File):
                items.extend(Item(node, sector) for sector in sorted(node.dirty, key=lambda s: (node.dirty[s], s)))
                if node.size_dirty:
                    items.append(Item(node, -1))
                return
            for name, below in [*node.durable.items(), *((c.came, c.node) for c in node.pending if c.came)]:
                if name not in always:
                    visit(below)
            items.extend(Item(node, i) for i, c in enumerate(node.pending) if not {c.came, c.went} & set(always))

        visit(self.top)
        return items

    def power_cut(self, kept: Iterable[Item], always: Sequence[str] = ("LOCK",)) -> State:
        """What the next boot finds where, of all that was pending, these items had reached the disk."""
        chosen: dict[int, set[int]] = {}
        for node, number in kept:
            chosen.setdefault(id(node), set()).add(number)

        def names(directory: Directory) -> dict[str, File | Directory]:
            result = dict(directory.durable)
            for i, change in enumerate(directory.pending):
                if i in chosen.get(id(directory), ()) or {change.came, change.went} & set(always):
                    apply_renaming(result, change)
            return result

        def content(file: File) -> Content:
            numbers = chosen.get(id(file), set())
            return file.after_power_cut(numbers - {-1}, -1 in numbers)

        return State(dict(_walk(self.top, names, content)))

    def byte_cuts(self, cuts_max: int) -> Iterator[State]:
        """All names durable; of each file's unsynced writes all but the last, and of that one the first n bytes: for
        every n, or for the telling ones where there are more than ``cuts_max``. Fresh space only: a sector that held
        something is written whole or not at all."""
        names = [item for item in self.pending() if isinstance(item.node, Directory)]
        for item in {id(i.node): i for i in self.pending() if isinstance(i.node, File)}.values():
            file = item.node
            assert isinstance(file, File)
            if not file.writes:
                continue
            offset, data = file.writes[-1]
            whole = [Item(file, sector) for sector in file.dirty] + [Item(file, -1)]
            base = self.power_cut(names + whole)
            path = self._path_of(file, base)
            if path is None:
                continue
            before = bytearray(len(file.cache))
            before[: len(file.durable)] = file.durable[: len(before)]
            for earlier_offset, earlier in file.writes[:-1]:
                before[earlier_offset : earlier_offset + len(earlier)] = earlier
            if any(before[offset : offset + len(data)]):
                continue
            for length in cut_lengths(len(data), cuts_max):
                cut = bytearray(before)
                cut[offset : offset + length] = data[:length]
                yield base.changed(path, Content.of(cut))

    def _path_of(self, file: File, state: State) -> str | None:
        for path, node in _paths(self.top, ""):
            if node is file and path in state.files:
                return path
        return None


def _paths(directory: Directory, prefix: str) -> Iterator[tuple[str, File | Directory]]:
    for name, node in directory.cache.items():
        yield prefix + name, node
        if isinstance(node, Directory):
            yield from _paths(node, prefix + name + "/")


def _walk(directory, names, content, prefix: str = "") -> Iterator[tuple[str, Content | None]]:  # type: ignore[no-untyped-def]
    for name, node in names(directory).items():
        if isinstance(node, File):
            yield prefix + name, content(node)
        else:
            yield prefix + name, None
            yield from _walk(node, names, content, prefix + name + "/")


def cut_lengths(byte_count: int, cuts_max: int) -> list[int]:
    """Where to cut so many bytes: everywhere, or at the ends, around the first sector's end, and evenly between."""
    if byte_count <= cuts_max:
        return list(range(byte_count))
    telling = {0, 1, 63, 64, 65, 511, 512, 513, *range(byte_count - 6, byte_count)}
    telling.update(byte_count * i // cuts_max for i in range(cuts_max))
    return sorted(length for length in telling if length < byte_count)


def subsets(items: Sequence[Item], limit: int, seed: int) -> Iterator[tuple[Item, ...]]:
    """All subsets where there are at most ``limit``; else none, all, each alone, each missing, all prefixes and
    suffixes, and as many others drawn by ``seed`` as the limit allows (at least 16)."""
    count = len(items)
    if count < 30 and 1 << count <= limit:
        for size in range(count + 1):
            yield from itertools.combinations(items, size)
        return
    everything = tuple(items)
    yield ()
    yield everything
    for i in range(count):
        yield (everything[i],)
        yield everything[:i] + everything[i + 1 :]
    for i in range(2, count - 1):
        yield everything[:i]
        yield everything[i:]
    draw = random.Random(seed)
    for _ in range(max(16, limit - 4 * count)):
        share = draw.random()
        yield tuple(item for item in everything if draw.random() < share)
