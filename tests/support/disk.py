"""A model of a disk with a cache before it: what a power cut may leave behind at any point of a recorded run.

What the model takes for granted, and no more:
- A 512-byte sector is written whole or not at all. Unsynced sectors reach the disk in any order, or not.
- A sync makes durable what was written to that file before it began. A sync that failed makes nothing durable, and the
  kernel forgets that those sectors are not: they read fine, and a later sync of the file does nothing for them.
- A new size of a file reaches the disk with a sync, or by itself, with or without the data (which then reads as zeros).
- A name (create, rename, unlink) reaches the disk with a sync of its directory, or by itself, in any order.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.inode import Content, Directory, File, Renaming, State, apply_renaming
from tests.support.shim import Call
from tests.support.trace import Entry

O_TRUNC = 0o1000


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
        """Return what the next process reads if only this one died (``kill -9``)."""
        return State(dict(_walk(self.top, lambda d: d.cache, File.seen)))

    def pending(self, always: Sequence[str] = ("LOCK",)) -> list[Item]:
        """Return the items in flight to the disk, oldest first per file. Files named in ``always`` are left out."""
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
        """Return what the next boot finds if, of all that was pending, these items had reached the disk."""
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
    """Return where to cut so many bytes: everywhere, or at the ends, near the first sector's end evenly between."""
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
