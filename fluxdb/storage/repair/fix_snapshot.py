"""The last repair: no snapshot and log fit together any more, so start over with the documents that are intact."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from fluxdb._core.documents.documents import Documents
from fluxdb.errors import CorruptionError
from fluxdb.limits import Limits
from fluxdb.storage.base import FIRST_POSITION
from fluxdb.storage.layout import list_folder, snapshot_name
from fluxdb.storage.reader import Recovered
from fluxdb.storage.rebuild import write_database
from fluxdb.storage.repair.aside import link_aside, rename_aside
from fluxdb.storage.repair.fix_log import noted_revision
from fluxdb.storage.repair.report import RepairReport
from fluxdb.storage.repair.salvage import FoundBlock, find_blocks, records_written
from fluxdb.storage.repair.salvage_file import SalvageFile
from fluxdb.storage.snapshot.reader import SnapshotReader


class _Kept(NamedTuple):
    """The documents of one snapshot that are intact."""

    documents: Documents
    records: int
    revision: int  # 0: no snapshot holds anything
    database_id: bytes  # empty: unknown
    has_floors: bool
    damaged_blocks: list[FoundBlock]  # single records of these were kept


def begin_again(recovered: Recovered, limits: Limits, report: RepairReport) -> None:
    """Make a new snapshot of the newest one's intact documents, and a new log; the old log goes to a side file."""
    directory = recovered.directory
    revisions = list_folder(directory).snapshots
    kept = _keep_newest(directory, revisions, limits)
    with closing(SalvageFile(directory)) as salvage:
        for segment in recovered.segments:
            salvage.add_segment(segment, 0, 0, kept.revision)
        for block in kept.damaged_blocks:
            salvage.add_block(snapshot_name(kept.revision), block)
        salvage.finish()
    noted = noted_revision(directory)
    revision = max(kept.revision, salvage.revision_max, noted)  # no revision is assigned twice

    def clear_away() -> None:
        if revision in revisions:
            report.kept.append(link_aside(directory, snapshot_name(revision)))
        for segment in reversed(recovered.segments):
            report.kept.append(rename_aside(directory, segment.name))

    headers = [segment.header for segment in recovered.segments if segment.header is not None]
    database_id = kept.database_id or (headers[0].database_id if headers else os.urandom(16))
    write_database(directory, database_id, kept.documents, revision, clear_away)
    for old in revisions:
        if old != revision:
            report.kept.append(rename_aside(directory, snapshot_name(old)))
    report.actions.append(f"{snapshot_name(revision)} was made from {kept.records} records, and a new log was begun")
    _tell_proven(kept, salvage.name, report)
    _tell_losses(directory, kept, report)
    report.add_salvage(salvage, kept.revision + 1, noted)


def _keep_newest(directory: Path, revisions: list[int], limits: Limits) -> _Kept:
    for revision in revisions:
        kept = _keep(directory, revision, limits)
        if kept.records or kept.database_id:
            return kept
    documents = Documents(tombstones_max=limits.tombstones_max)
    documents.begin(FIRST_POSITION, b"")
    return _Kept(documents, 0, 0, b"", has_floors=False, damaged_blocks=[])


def _keep(directory: Path, revision: int, limits: Limits) -> _Kept:
    documents = Documents(tombstones_max=limits.tombstones_max)
    floors, database_id = _head(directory, revision)
    # Damage may have taken any tombstone: nobody may resume from a revision before this one.
    documents.begin(FIRST_POSITION._replace(revision=revision), floors or b"", forgotten_revision=revision)
    path = directory / snapshot_name(revision)
    damaged_blocks = []
    for block in find_blocks(path, revision):
        if not block.is_whole:
            damaged_blocks.append(block)
        with suppress(ValueError):  # a record is invalid: those before it are kept
            documents.load_block(block.payload)
    records = documents.stored + documents.tombstones
    documents.loaded()
    return _Kept(documents, records, revision, database_id, floors is not None, damaged_blocks)


def _head(directory: Path, revision: int) -> tuple[bytes | None, bytes]:
    """Return floors and database id; None and empty if the header is damaged."""
    try:
        with closing(SnapshotReader(directory, revision)) as reader:
            return reader.floors, reader.header.database_id
    except CorruptionError:
        return None, b""


def _tell_proven(kept: _Kept, salvage_name: str | None, report: RepairReport) -> None:
    for block in kept.damaged_blocks:
        where = f"block {block.number} of the damaged {snapshot_name(kept.revision)}"
        proven = f"{block.records} of the {block.written} records of {where} were proven by their own checksums"
        listed = f" and are listed in {salvage_name}" if block.records else ""
        report.actions.append(f"{proven}: they are in the database{listed}" if block.records else proven)


def _tell_losses(directory: Path, kept: _Kept, report: RepairReport) -> None:
    if kept.revision == 0:
        report.lost.append("all documents from before the first record that was found: no snapshot holds any")
        return
    name = snapshot_name(kept.revision)
    copies = [copy for copy in report.kept if copy.startswith(name)]
    written = records_written(directory / copies[0]) if copies else None
    if written is None:
        report.lost.append(f"the documents of {name} besides the {kept.records} kept; their number is unknown")
    elif written > kept.records:
        report.lost.append(f"{written - kept.records} of the {written} documents and deleted keys of {name}")
    if not kept.has_floors:
        report.lost.append(
            "the last versions of keys that were deleted long ago: versions of these keys may start again"
        )
