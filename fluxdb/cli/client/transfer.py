"""Dump and load of a running server, as JSON Lines: pages out, batches in."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fluxdb.cli import exits
from fluxdb.cli.client.run import connected
from fluxdb.cli.dump_file import writing_dump
from fluxdb.cli.output import standard_lines
from fluxdb.cli.shell.answers import stored_line
from fluxdb.cli.shell.pages import pages
from fluxdb.engine.handle import EngineHandle
from fluxdb.engine.operation import Operation
from fluxdb.engine.ranges import ScanRange
from fluxdb.errors import FluxDBError, InvalidKeyError, InvalidValueError, LimitError
from fluxdb.limits import WIDEST_LIMITS, Limits
from fluxdb.model import Kind
from fluxdb.storage.dump.lines import Entry, line_bytes_max, parse_line

if TYPE_CHECKING:
    from fluxdb.cli.connecting import Server


def dump(server: Server, target: Path, prefix: str) -> int:
    """Write the documents, a page at a time. Each page is at one revision, the whole is not."""
    count, first, last = 0, 0, 0
    with connected(server) as handle, writing_dump(target) as write:
        for page in pages(handle.scan_text, ScanRange(prefix)):
            for found in page.entries:
                write(stored_line(found) + b"\n")
            count += len(page.entries)
            first, last = first or page.revision, page.revision
    at = f"revision {last:,}" if first == last else f"revisions {first:,} to {last:,}"
    standard_lines().note(f"dumped {_documents(count)} at {at}")
    return exits.OK


def load(server: Server, source: BinaryIO) -> int:
    """Store the documents of ``source``, in batches as large as the server takes."""
    count = 0
    with connected(server) as handle:
        try:
            for batch in _batches(source, _limits(handle)):
                handle.batch(batch)
                count += len(batch)
        except FluxDBError:
            if count:
                standard_lines().note(f"the first {_documents(count)} had been stored before this failed")
            raise
    standard_lines().note(f"loaded {_documents(count)}")
    return exits.OK


def _limits(handle: EngineHandle) -> Limits:
    """Return the bounds of a batch on this server, and of all else what any database takes."""
    told = handle.info().get("limits", {})
    names = ("batch_operations_max", "batch_bytes_max")
    bounds = {name: told[name] for name in names if isinstance(told.get(name), int)}
    widest = {name: getattr(WIDEST_LIMITS, name) for name in ("key_bytes_max", "value_bytes_max", "depth_max")}
    return Limits(**widest, **bounds)


def _batches(source: BinaryIO, limits: Limits) -> Iterator[list[Operation]]:
    batch: list[Operation] = []
    batch_bytes = 0
    for entry in _entries(source, limits):
        if entry.text is None:
            continue
        entry_bytes = len(entry.key.encode()) + len(entry.text)
        full = len(batch) == limits.batch_operations_max or batch_bytes + entry_bytes > limits.batch_bytes_max
        if batch and full:
            yield batch
            batch, batch_bytes = [], 0
        ttl_ms = max(1, entry.expires_at_ms - round(time.time() * 1000)) if entry.expires_at_ms else 0
        batch.append(Operation(Kind.SET, entry.key, entry.text, ttl_ms=ttl_ms))
        batch_bytes += entry_bytes
    if batch:
        yield batch


def _entries(source: BinaryIO, limits: Limits) -> Iterator[Entry]:
    """Raises InvalidValueError, InvalidKeyError, LimitError, each with the line's number."""
    bytes_max = line_bytes_max(limits)
    number = 0
    while line := source.readline(bytes_max + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            continue
        try:
            if len(line) > bytes_max:
                raise LimitError(f"it is longer than {bytes_max} bytes")
            entry = parse_line(line, limits)
        except (InvalidValueError, InvalidKeyError, LimitError) as error:
            raise type(error)(f"line {number}: {error}") from None
        if isinstance(entry, Entry):  # else it is the first line of a dump
            yield entry


def _documents(count: int) -> str:
    return f"{count:,} document{'' if count == 1 else 's'}"
