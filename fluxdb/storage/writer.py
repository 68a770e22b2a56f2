"""Taking over where the log ends: the first changes on disk after reading, in the safe order."""

from __future__ import annotations

import os
from functools import partial
from itertools import pairwise
from pathlib import Path

from fluxdb._core.base.descriptor import Descriptor, give, owned
from fluxdb._core.commit.committer import Committer
from fluxdb._core.log.segment import FORMAT_VERSION, SegmentHeader, create_segment, segment_name
from fluxdb.limits import FIRST_SEGMENT_BYTES, Limits
from fluxdb.model import Position
from fluxdb.storage.base import FIRST_POSITION
from fluxdb.storage.layout import list_folder, snapshot_name
from fluxdb.storage.reader import Recovered
from fluxdb.storage.segments import SegmentFile, read_segment_file
from fluxdb.storage.snapshot.pace import calm_log_bytes
from fluxdb.storage.system.durable import sync_ancestors, sync_directory
from fluxdb.storage.system.files import open_folder
from fluxdb.storage.system.oserrors import storage_errors
from fluxdb.storage.tail import settle_tail


def take_over(recovered: Recovered, limits: Limits) -> Committer:
    """Make what was read durable, remove what means nothing, and continue from there. The folder must be locked.

    Raises the damage that reading found, before anything is changed; StorageError, DiskFullError.
    """
    if recovered.damage is not None:
        raise recovered.damage
    directory = recovered.directory
    with storage_errors(f"can't take over {directory}"):
        folder = segment = None
        try:
            folder = open_folder(directory)
            if recovered.database_id:
                segment = settle_tail(recovered)
                sync_directory(directory)  # a rename right before a crash may be in the cache only
            remove_leftovers(recovered)
            if segment is None:
                segment = _begin_log(recovered, folder)
            return _committer(recovered, folder, segment, limits)
        except BaseException:
            for descriptor in (folder, segment):
                if descriptor is not None:
                    descriptor.close()
            raise


def remove_leftovers(recovered: Recovered) -> None:
    """Remove unfinished files and whatever the snapshot covers. The state that was read must be durable."""
    directory = recovered.directory
    for name in recovered.leftovers:
        (directory / name).unlink(missing_ok=True)
    if recovered.leftovers:
        sync_directory(directory)
    if recovered.snapshot is not None:
        retire(directory, recovered.snapshot)


def retire(directory: Path, snapshot: Position) -> list[str]:
    """Remove the snapshots and segments that a durable snapshot at that position covers; return their names.

    A segment goes when its successor starts at or before the position. The oldest goes first, so that a crash leaves no
    gap. Raises OSError.
    """
    folder = list_folder(directory)
    segments = [read_segment_file(directory, number) for number in folder.segments]
    names = [segment.name for segment, following in pairwise(segments) if _is_covered(following, snapshot)]
    names += [snapshot_name(older) for older in folder.snapshots if older < snapshot.revision]
    for name in names:
        (directory / name).unlink(missing_ok=True)
    if names:
        sync_directory(directory)
    return names


def _is_covered(following: SegmentFile, snapshot: Position) -> bool:
    return following.start is not None and following.start.group <= snapshot.group


def _begin_log(recovered: Recovered, folder: Descriptor) -> Descriptor:
    """Make the first segment of a new database."""
    sync_ancestors(recovered.directory)  # somebody else may have made the folder
    recovered.database_id = os.urandom(16)
    recovered.documents.begin(FIRST_POSITION, b"")
    header = SegmentHeader(recovered.database_id, 1, FIRST_SEGMENT_BYTES, FIRST_POSITION, 0)
    segment = owned(create_segment, folder.fileno(), header)
    recovered.segments.append(SegmentFile(1, segment_name(1), FIRST_SEGMENT_BYTES, header, None))
    return segment


def _committer(recovered: Recovered, folder: Descriptor, segment: Descriptor, limits: Limits) -> Committer:
    make = partial(Committer, recovered.documents)
    last = recovered.segments[-1]
    return give(
        make,
        folder,
        segment,
        directory_fd=folder.fileno(),
        segment_fd=segment.fileno(),
        database_id=recovered.database_id,
        position=recovered.position,
        segment_size=last.size,
        segment_is_older=last.header is not None and last.header.format_version < FORMAT_VERSION,
        segment_bytes=limits.segment_bytes,
        group_bytes_max=limits.group_bytes_max,
        batch_operations_max=limits.batch_operations_max,
        batch_bytes_max=limits.batch_bytes_max,
        key_bytes_max=limits.key_bytes_max,
        value_bytes_max=limits.value_bytes_max,
        depth_max=limits.depth_max,
        page_documents_max=limits.page_documents_max,
        page_bytes_max=limits.page_bytes_max,
        event_bytes_max=limits.event_bytes_max,
        checkpoint_log_bytes=calm_log_bytes(limits) if limits.checkpoint_log_bytes else 0,
        log_bytes_max=limits.log_bytes_max,
        log_bytes=recovered.log_bytes,
    )
