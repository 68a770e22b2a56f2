"""Finding where recovery begins: at the newest good snapshot that the log continues, or else at group 1 of the log."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from fluxdb._core.documents.documents import Documents
from fluxdb._core.log.segment import SEGMENT_HEADER_BYTES, segment_name
from fluxdb.errors import CorruptionError
from fluxdb.model import Position
from fluxdb.storage.layout import Folder, snapshot_name
from fluxdb.storage.progress import Progress
from fluxdb.storage.segments import SegmentFile
from fluxdb.storage.snapshot.reader import SnapshotReader, load_snapshot

FIRST_POSITION = Position(revision=0, group=0, segment=1, offset=SEGMENT_HEADER_BYTES, chain=0)


class Base(NamedTuple):
    """A state, and the position in the log of its next group."""

    documents: Documents
    position: Position
    segment_index: int  # of position.segment, in the list of segments
    snapshot: Position | None  # its own position; None: the state of an empty log


def find_base(
    directory: Path, folder: Folder, segments: list[SegmentFile], tombstones_max: int, progress: Progress
) -> tuple[Base, list[tuple[int, CorruptionError]]]:
    """Return the base, and the newer snapshots that were passed over: revision and fault of each.

    Raises CorruptionError if no base exists: the newest snapshot's fault, or the log's if there is no snapshot.
    """
    passed_over: list[tuple[int, CorruptionError]] = []
    for revision in folder.snapshots:
        base = _from_snapshot(directory, revision, segments, Documents(tombstones_max=tombstones_max), progress)
        if isinstance(base, Base):
            return base, passed_over
        passed_over.append((revision, base))
    try:
        position, index = where_log_goes_on(FIRST_POSITION, segments)
    except CorruptionError as error:
        raise (passed_over[0][1] if passed_over else error) from None
    documents = Documents(tombstones_max=tombstones_max)
    documents.begin(position, b"")
    return Base(documents, position, index, None), passed_over


def _from_snapshot(
    directory: Path, revision: int, segments: list[SegmentFile], documents: Documents, progress: Progress
) -> Base | CorruptionError:
    try:
        with closing(SnapshotReader(directory, revision)) as reader:
            snapshot = reader.header.position
            position, index = where_log_goes_on(snapshot, segments)
            load_snapshot(reader, documents, progress.add)
    except CorruptionError as error:
        return error
    return Base(documents, position, index, snapshot)


def where_log_goes_on(position: Position, segments: list[SegmentFile]) -> tuple[Position, int]:
    """Return the position of the next group after ``position``, and the index of its segment. Raises CorruptionError.

    This is ``position`` itself, or the start of a later segment if no group lies between them: the segment of the
    position may already be removed.
    """
    started = [(i, segment.start) for i, segment in enumerate(segments) if segment.start is not None]
    before = [(i, start) for i, start in started if start.group <= position.group]
    if before:
        index, start = before[-1]
        if start.group == position.group:
            if (start.revision, start.chain) != (position.revision, position.chain):
                reason = f"what leads up to its revision {start.revision} is missing"
                raise CorruptionError(segments[index].name, 48, reason)
            return start, index
        if start.segment == position.segment:
            return position, index
    for segment in segments:
        if segment.number == position.segment and segment.problem is not None:
            raise CorruptionError(segment.name, 0, segment.problem)
    raise CorruptionError(segment_name(position.segment), 0, "the segment is missing")


def find_foreign(directory: Path, folder: Folder, segments: list[SegmentFile]) -> CorruptionError | None:
    """Return the fault of the first file that belongs to another database than most files do."""
    owners = {segment.name: segment.header.database_id for segment in segments if segment.header is not None}
    owners |= {snapshot_name(revision): snapshot_owner(directory, revision) for revision in folder.snapshots}
    known = Counter(owner for owner in owners.values() if owner)
    if len(known) < 2:
        return None
    ours = known.most_common(1)[0][0]
    name = next(name for name, owner in owners.items() if owner and owner != ours)
    return CorruptionError(name, 16, "it belongs to another database: move it out of the folder")


def snapshot_owner(directory: Path, revision: int) -> bytes:
    """Return the id of the database that the snapshot belongs to; empty if its header is damaged."""
    try:
        with closing(SnapshotReader(directory, revision)) as reader:
            return reader.header.database_id
    except CorruptionError:
        return b""  # find_base reports it if it matters
