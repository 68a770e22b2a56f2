"""Repairs of the log: rewrite a header, or end the log before the damage."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from fluxdb._core.log.replay import replay
from fluxdb._core.log.segment import SEGMENT_HEADER_BYTES, SegmentHeader, encode_header
from fluxdb._core.log.survey import last_nonzero, read_group_header
from fluxdb.errors import CorruptionError
from fluxdb.model import Position
from fluxdb.storage.base import snapshot_owner
from fluxdb.storage.layout import list_folder
from fluxdb.storage.log_end import END_NAME, read_log_end
from fluxdb.storage.reader import Recovered
from fluxdb.storage.repair.aside import copy_aside, rename_aside
from fluxdb.storage.repair.report import RepairReport
from fluxdb.storage.repair.salvage_file import SalvageFile
from fluxdb.storage.segments import SegmentFile, read_segment
from fluxdb.storage.system.durable import allocate, sync_file, write_all
from fluxdb.storage.system.files import open_file
from fluxdb.storage.system.oserrors import storage_errors


def fix_header(recovered: Recovered, damage: CorruptionError, report: RepairReport) -> bool:
    """Rewrite the header of the damaged segment from what its neighbours say. False: that can't be done."""
    names = [segment.name for segment in recovered.segments]
    index = names.index(damage.segment) if damage.segment in names else -1
    if index < 0 or recovered.segments[index].problem is None:
        return False
    segment = recovered.segments[index]
    data = read_segment(recovered.directory, segment)
    end_before = _end_of(recovered.directory, recovered.segments[index - 1]) if index else None
    if end_before is not None and end_before.segment != segment.number - 1:
        end_before = None
    start = _start_of(data, segment.number, end_before)
    if start is None:
        return False
    previous_end = end_before.offset if end_before is not None else 0
    header = SegmentHeader(_database_id(recovered), segment.number, segment.size, start, previous_end)
    report.kept.append(copy_aside(recovered.directory, segment.name))
    _overwrite(recovered.directory / segment.name, 0, encode_header(header))
    report.actions.append(f"the header of {segment.name} was rewritten")
    return True


def _end_of(directory: Path, segment: SegmentFile) -> Position | None:
    return None if segment.start is None else replay(None, read_segment(directory, segment), segment.start).position


def _start_of(data: bytearray, number: int, end_before: Position | None) -> Position | None:
    """Return where the segment starts, from its first group and the segment before; None if they disagree."""
    starts = set()
    if end_before is not None:
        starts.add(end_before._replace(segment=number, offset=SEGMENT_HEADER_BYTES))
    first = read_group_header(data, SEGMENT_HEADER_BYTES)
    if first is not None and first.segment == number:
        starts.add(Position(first.first_revision - 1, first.group - 1, number, SEGMENT_HEADER_BYTES, first.chain))
    return starts.pop() if len(starts) == 1 and len(data) > SEGMENT_HEADER_BYTES else None


def _database_id(recovered: Recovered) -> bytes:
    """Return the id that another file names; a new one if none does."""
    owners = [segment.header.database_id for segment in recovered.segments if segment.header is not None]
    owners += [snapshot_owner(recovered.directory, revision) for revision in list_folder(recovered.directory).snapshots]
    return next((owner for owner in owners if owner), os.urandom(16))


def cut_log(recovered: Recovered, report: RepairReport) -> None:
    """End the log where reading stopped; first save the intact records after that."""
    directory, end = recovered.directory, recovered.position
    later = [segment for segment in recovered.segments if segment.number > end.segment]
    last = next(segment for segment in recovered.segments if segment.number == end.segment)
    noted = noted_revision(directory)
    with closing(SalvageFile(directory)) as salvage:
        salvage.add_segment(last, end.offset, end.group, end.revision)
        for segment in later:
            salvage.add_segment(segment, 0, end.group, end.revision)
        salvage.finish()
    for segment in reversed(later):  # the last first: a crash leaves the damage in place, to be fixed again
        report.kept.append(rename_aside(directory, segment.name))
        report.actions.append(f"{segment.name} was renamed to {report.kept[-1]}")
    _end_at(directory, last, end.offset, report)
    put_note_aside(directory, end.revision, report)  # it is what shows the damage, so it goes last
    report.add_salvage(salvage, end.revision + 1, noted)


def noted_revision(directory: Path) -> int:
    """Return the revision that the last clean close noted; 0 without a note."""
    noted, _ = read_log_end(directory)
    return noted.revision if noted is not None else 0


def put_note_aside(directory: Path, revision: int, report: RepairReport) -> None:
    """Put the note aside if it names a later revision than ``revision``, where the log ends now."""
    noted = noted_revision(directory)
    if noted > revision:
        report.kept.append(rename_aside(directory, END_NAME))
        report.actions.append(f"{END_NAME} was renamed to {report.kept[-1]}: it names revision {noted}")


def _end_at(directory: Path, segment: SegmentFile, offset: int, report: RepairReport) -> None:
    """Zero everything after ``offset``, up to the size that the segment was made with."""
    assert segment.header is not None, "the log was read up to here"
    made_bytes = segment.header.segment_bytes
    byte_count = last_nonzero(read_segment(directory, segment), offset) + 1 - offset
    if byte_count <= 0 and segment.size >= made_bytes:
        return
    report.kept.append(copy_aside(directory, segment.name))
    if byte_count > 0:
        _overwrite(directory / segment.name, offset, bytes(byte_count))
        report.actions.append(f"{segment.name} was ended at byte {offset}; a copy is in {report.kept[-1]}")
    if segment.size < made_bytes:
        _lengthen(directory / segment.name, segment.size, made_bytes)
        done = f"{segment.name} was lengthened with zeros from {segment.size} to {made_bytes} bytes"
        report.actions.append(f"{done}; a copy is in {report.kept[-1]}")


def _lengthen(path: Path, size: int, made_bytes: int) -> None:
    """Allocate the segment in full, like a new one: a write to it must not find the disk full."""
    with storage_errors(f"can't make room for {made_bytes} bytes in {path}"), open_file(path, os.O_RDWR) as file:
        allocate(file.fileno(), size, made_bytes - size)
        os.ftruncate(file.fileno(), made_bytes)  # for systems that allocate nothing ahead
        sync_file(file.fileno())


def _overwrite(path: Path, offset: int, data: bytes) -> None:
    with storage_errors(f"can't write {path}"), open_file(path, os.O_RDWR) as file:
        write_all(file.fileno(), data, offset)
        sync_file(file.fileno())
