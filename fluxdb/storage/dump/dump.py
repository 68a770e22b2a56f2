"""A database as text: JSON Lines, from which `load` makes the same state again.

    {"fluxdb_dump":1,"revision":9,"documents":1,"tombstones":1,"floors":{"17":3}}
    {"key":"user","value":{"age":21},"version":2,"revision":9}
    {"key":"gone","deleted":true,"version":4,"revision":7}

The first line says what follows, so that a truncated dump is noticed. It also holds what no document does: the
revision, and the highest versions forgotten with old tombstones (floors; by bucket, 0 to 4,095). Then come the
documents, ordered by the Unicode code points of their keys, each value exactly as it is stored; then the deleted keys
whose last version is remembered, the oldest first. A document that expires has "expires_at", in seconds since 1970 with
three decimals; one whose time is over stands in the dump, and expires again when it is loaded.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import orjson

from fluxdb._core.documents.documents import Documents, read_records
from fluxdb.limits import DEFAULT_LIMITS, MIB, Limits
from fluxdb.storage.offline import read_database
from fluxdb.storage.progress import Progress, ProgressCallback

DUMP_FORMAT_VERSION = 1

_BLOCK_BYTES_MIN = 1 * MIB


class Dumped(NamedTuple):
    """The counts of a dump."""

    documents: int
    tombstones: int
    revision: int


def dump_database(
    path: str | os.PathLike[str],
    write: Callable[[bytes], object],
    limits: Limits = DEFAULT_LIMITS,
    *,
    progress: ProgressCallback | None = None,
) -> Dumped:
    """Call ``write`` with each line, including its newline. Exceptions of ``write`` are passed on.

    Holds the state and its keys in memory. Raises LockedError, CorruptionError, StorageError.
    """
    documents = read_database(path, limits).documents
    meter = Progress(progress, documents.data_bytes)
    for line in dump_lines(documents):
        write(line)
        meter.add(len(line))
    meter.finish()
    return Dumped(documents.stored, documents.tombstones, documents.position.revision)


def dump_lines(documents: Documents) -> Iterator[bytes]:
    """Yield the lines of a dump. Nobody may write meanwhile."""
    keys: list[tuple[str, int]] = []  # with the revision of each
    deleted: list[tuple[int, str, int]] = []  # revision, key, version
    with documents.open_view() as view:
        floors = view.floors()
        while True:
            payload, count = view.read_block(_BLOCK_BYTES_MIN, naps=False)
            if not count:
                break
            for key, text, version, revision, _ in read_records(payload):
                if text is None:
                    deleted.append((revision, key, version))
                else:
                    keys.append((key, revision))
    yield _first_line(documents, floors)
    for key, revision in sorted(keys):
        stored = documents.get_stored(key)
        assert stored is not None, "nobody writes meanwhile"
        text, version, expires_at_ms = stored
        expiry = b',"expires_at":%d.%03d' % divmod(expires_at_ms, 1000) if expires_at_ms else b""
        line = b'{"key":%b,"value":%b,"version":%d,"revision":%d%b}\n'
        yield line % (orjson.dumps(key), text, version, revision, expiry)
    for revision, key, version in sorted(deleted):
        yield b'{"key":%b,"deleted":true,"version":%d,"revision":%d}\n' % (orjson.dumps(key), version, revision)


def _first_line(documents: Documents, floors: bytes) -> bytes:
    versions = struct.unpack(f"<{len(floors) // 8}Q", floors)
    head = {
        "fluxdb_dump": DUMP_FORMAT_VERSION,
        "revision": documents.position.revision,
        "documents": documents.stored,
        "tombstones": documents.tombstones,
        "floors": {str(bucket): version for bucket, version in enumerate(versions) if version},
    }
    return orjson.dumps(head) + b"\n"
