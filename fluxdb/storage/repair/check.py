"""Checking every byte that matters, and reporting what is wrong. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fluxdb._core.log.replay import STOP_PLACE, replay
from fluxdb._core.log.segment import SECTOR_BYTES, segment_name
from fluxdb._core.log.survey import last_nonzero
from fluxdb.errors import CorruptionError
from fluxdb.limits import DEFAULT_LIMITS, Limits
from fluxdb.model import Position
from fluxdb.storage.layout import LOCK_NAME, Folder, list_folder, require_database, snapshot_name
from fluxdb.storage.offline import shared_folder
from fluxdb.storage.progress import Progress, ProgressCallback
from fluxdb.storage.reader import UNKNOWN_END, Recovered, cut_of, damage_at, look_around, read_folder
from fluxdb.storage.recovery import Verdict, decide
from fluxdb.storage.repair.salvage import find_blocks, find_groups
from fluxdb.storage.segments import SegmentFile, read_segment, read_segment_file
from fluxdb.storage.snapshot.reader import SnapshotReader
from fluxdb.storage.system.oserrors import storage_errors

AS_A_CRASH = "as a crash leaves it: the next open cuts it off. If there was no crash, the last group is lost"


class Finding(NamedTuple):
    """One thing that was noticed."""

    file: str
    offset: int
    meaning: str
    is_damage: bool  # otherwise a note, and the next open deals with it

    def __str__(self) -> str:
        return f"{'damage' if self.is_damage else 'note'}: {self.file}, byte {self.offset}: {self.meaning}"


@dataclass
class CheckReport:
    """The counts and findings of a check. ``ok``: the database opens, and no byte that matters is damaged."""

    directory: Path
    segments: int = 0
    groups: int = 0
    records: int = 0
    snapshots: int = 0
    snapshot_records: int = 0
    findings: list[Finding] = field(default_factory=list)
    opens: bool = False
    state: dict[str, object] = field(default_factory=dict)  # revision, keys, tombstones, digest, if it opens

    def note(self, file: str, offset: int, meaning: str) -> None:
        self.findings.append(Finding(file, offset, meaning, False))

    def damage(self, error: CorruptionError, *, is_needed: bool = True) -> None:
        """Add damage once; if the bytes are not needed, add a note."""
        meaning = error.reason if is_needed else f"{error.reason}; not needed: the snapshot covers it"
        finding = Finding(error.segment, error.offset, meaning, is_needed)
        if not any((known.file, known.offset) == (finding.file, finding.offset) for known in self.findings):
            self.findings.append(finding)

    @property
    def ok(self) -> bool:
        return self.opens and not any(finding.is_damage for finding in self.findings)


def check_database(
    path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS, *, progress: ProgressCallback | None = None
) -> CheckReport:
    """Verify every segment, group and snapshot block, then recover the state as an open would.

    Damage is reported, not raised. Raises LockedError, StorageError (no database there, or a newer format).
    """
    with shared_folder(path) as directory:
        return check_folder(directory, limits, progress)


def check_folder(directory: Path, limits: Limits, progress: ProgressCallback | None = None) -> CheckReport:
    """Do the same for a folder that is already locked."""
    report = CheckReport(directory)
    try:
        require_database(directory)
        folder = list_folder(directory)
    except CorruptionError as error:
        report.damage(error)
        return report
    recovered = read_folder(directory, tombstones_max=limits.tombstones_max)
    segments = [read_segment_file(directory, number) for number in folder.segments]
    meter = Progress(progress, sum(segment.size for segment in segments) + _snapshot_bytes(directory, folder))
    for index, segment in enumerate(segments):
        _check_segment(report, recovered, segment, segments[index + 1] if index + 1 < len(segments) else None)
        meter.add(segment.size)
    for revision in folder.snapshots:
        _check_snapshot(report, recovered, revision, meter)
    _check_state(report, recovered)
    for name in folder.leftovers:
        report.note(name, 0, "unfinished and without meaning: the next open removes it")
    for name in folder.others:
        if name != LOCK_NAME:
            report.note(name, 0, "not a file of the database")
    meter.finish()
    return report


def _snapshot_bytes(directory: Path, folder: Folder) -> int:
    with storage_errors(f"can't read {directory}"):
        return sum((directory / snapshot_name(revision)).stat().st_size for revision in folder.snapshots)


def _check_segment(
    report: CheckReport, recovered: Recovered, segment: SegmentFile, following: SegmentFile | None
) -> None:
    """Check the groups from the first to the last, and continue after damage."""
    report.segments += 1
    data = read_segment(report.directory, segment)
    if segment.problem is not None:
        report.damage(CorruptionError(segment.name, 0, segment.problem), is_needed=_is_needed(recovered, segment, 0))
    position = segment.start or _first_position(data, segment.number)
    while position is not None:
        stop = replay(None, data, position)
        report.groups += stop.groups
        report.records += stop.records
        row = decide(look_around(data, stop, following, recovered.closed))
        at = stop.position.offset
        if row.verdict is Verdict.CORRUPT:
            error = damage_at(stop, row, recovered.closed)
            report.damage(error, is_needed=_is_needed(recovered, segment, at))
            position = _position_after(data, stop.position, same_place=stop.reason == STOP_PLACE)
            continue
        if row.verdict is Verdict.TORN:
            report.note(segment.name, at, f"a torn tail ({row.cause}), {AS_A_CRASH}")
        elif last_nonzero(data, at) >= 0:
            report.note(segment.name, at, "bytes without meaning after the last group")
        position = None
    cut = cut_of(segment) if following is None else None
    if cut is not None:
        report.damage(cut)


def _is_needed(recovered: Recovered, segment: SegmentFile, offset: int) -> bool:
    """Tell whether the state depends on that byte: not if recovery starts from a snapshot that covers it."""
    first = recovered.first
    return recovered.damage is not None or (segment.number, offset) >= (first.segment, first.offset)


def _first_position(data: bytearray, number: int) -> Position | None:
    """Return where the groups of a segment with a damaged header begin, judging by the first one that can be found."""
    return next(_positions(data, number, offset=0, after_group=0), None)


def _position_after(data: bytearray, stop: Position, *, same_place: bool) -> Position | None:
    """Return the next group that has a valid header, after the damage at ``stop``."""
    offset = stop.offset if same_place else stop.offset + SECTOR_BYTES
    return next(_positions(data, stop.segment, offset, stop.group), None)


def _positions(data: bytearray, number: int, offset: int, after_group: int) -> Iterator[Position]:
    for group in find_groups(data, number, offset, after_group):
        header = group.header
        yield Position(header.first_revision - 1, header.group - 1, number, group.offset, header.chain)


def _check_snapshot(report: CheckReport, recovered: Recovered, revision: int, progress: Progress) -> None:
    report.snapshots += 1
    name = snapshot_name(revision)
    try:
        with closing(SnapshotReader(report.directory, revision)) as reader:
            for _, payload, records in reader.blocks():
                report.snapshot_records += records
                progress.add(len(payload))
    except CorruptionError as error:
        blocks = list(find_blocks(report.directory / name, revision))
        whole = sum(block.records for block in blocks if block.is_whole)
        proven = sum(block.records for block in blocks) - whole
        reason = f"{error.reason}; {whole} records in it are in intact blocks, {proven} more are proven by their own"
        reason += " checksums"
        opened_from = recovered.snapshot if recovered.damage is None else None
        is_needed = opened_from is None or revision >= opened_from.revision
        report.damage(CorruptionError(name, error.offset, reason), is_needed=is_needed)


def _check_state(report: CheckReport, recovered: Recovered) -> None:
    if recovered.damage is not None:
        report.damage(recovered.damage)
        return
    report.opens = True
    documents, end = recovered.documents, recovered.position
    report.state = {
        "revision": end.revision,
        "keys": len(documents),
        "tombstones": documents.tombstones,
        "digest": documents.digest(),
    }
    if recovered.torn is None and not recovered.ends_as_closed:
        report.note(segment_name(end.segment), end.offset, UNKNOWN_END)
    for warning in recovered.warnings:
        report.note(str(recovered.directory), 0, warning)
