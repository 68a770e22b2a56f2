"""Making a database from documents in memory: a snapshot that holds them all, and a log that begins after it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from fluxdb._core.base.descriptor import owned
from fluxdb._core.documents.documents import Documents
from fluxdb._core.documents.view import View
from fluxdb._core.log.segment import SegmentHeader, create_segment, segment_name
from fluxdb.limits import FIRST_SEGMENT_BYTES
from fluxdb.storage.base import FIRST_POSITION
from fluxdb.storage.snapshot.format import Times
from fluxdb.storage.snapshot.writer import BLOCK_BYTES_MIN, SnapshotWriter
from fluxdb.storage.system.durable import sync_directory
from fluxdb.storage.system.files import open_folder
from fluxdb.storage.system.oserrors import storage_errors


def write_database(
    directory: Path,
    database_id: bytes,
    documents: Documents,
    revision: int,
    clear_away: Callable[[], None] = lambda: None,
) -> None:
    """Write ``documents`` durably, as the state at ``revision``.

    ``clear_away`` is called when the snapshot is written but not yet named: it moves the old log out of the way. A
    crash leaves the old files, or a folder that does not open, or the new database. Raises DiskFullError, StorageError;
    the new files are then removed.
    """
    position = FIRST_POSITION._replace(revision=revision)
    writer_of = partial(SnapshotWriter, directory, database_id, position)
    with documents.open_view() as view, closing(writer_of(view.floors(), times=_times(view))) as writer:
        while True:
            payload, records = view.read_block(BLOCK_BYTES_MIN, naps=False)
            if not records:
                break
            writer.add_records(payload)
        writer.seal()
        clear_away()
        _begin_log(directory, SegmentHeader(database_id, position.segment, FIRST_SEGMENT_BYTES, position, 0))
        try:
            writer.commit()
        except BaseException:
            with storage_errors(f"can't remove {directory / segment_name(position.segment)}"):
                (directory / segment_name(position.segment)).unlink()
                sync_directory(directory)
            raise


def _times(view: View) -> Times:
    return Times(view.clock_ms, view.forgotten_revision)


def _begin_log(directory: Path, header: SegmentHeader) -> None:
    doing = f"can't create {directory / segment_name(header.number)}"
    with storage_errors(doing), open_folder(directory) as folder:
        owned(create_segment, folder.fileno(), header).close()
