"""The state that the files of a folder stand for. Reading changes nothing on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fluxdb._core.documents.documents import Documents
from fluxdb._core.log.replay import STOP_BODY, STOP_END, STOP_HEADER, Stop, replay
from fluxdb._core.log.segment import SEGMENT_HEADER_BYTES, segment_name
from fluxdb._core.log.survey import find_group, has_gap, last_nonzero
from fluxdb.errors import CorruptionError
from fluxdb.limits import DEFAULT_LIMITS
from fluxdb.model import Position
from fluxdb.storage.base import FIRST_POSITION, find_base, find_foreign
from fluxdb.storage.layout import Folder, list_folder, snapshot_name
from fluxdb.storage.log_end import END_NAME, LogEnd, read_log_end
from fluxdb.storage.progress import Progress, ProgressCallback
from fluxdb.storage.recovery import CLOSED_LATER, Row, Seen, Verdict, decide
from fluxdb.storage.segments import SegmentFile, read_segment, read_segment_file
from fluxdb.storage.system.oserrors import storage_errors

_GROUP_HEADER_BYTES = 64

# The warning about an end of the log that no close noted.
UNKNOWN_END = (
    "the log ends as a crash leaves it, and no close noted its end. If there was no crash, everything that stood after"
    " it, if anything, is lost"
)


class Torn(NamedTuple):
    """A tail as a crash leaves it: unfinished and never acknowledged. If there was no crash, the last group is lost."""

    segment: str
    offset: int
    byte_count: int  # up to its last nonzero byte
    cause: str

    def __str__(self) -> str:
        return (
            f"an unfinished tail of {self.byte_count} bytes at byte {self.offset} ({self.cause}), as a crash leaves it;"
            " if there was no crash, the last group is lost"
        )


@dataclass
class Recovered:
    """The state, and what was found while reading it."""

    directory: Path
    documents: Documents
    position: Position  # the end of the log
    segments: list[SegmentFile]
    leftovers: list[str]
    database_id: bytes = b""  # empty: no database here yet, or nothing to start from
    snapshot: Position | None = None  # the position that the snapshot used by recovery stands for
    log_bytes: int = 0  # from the snapshot to the end
    first: Position = FIRST_POSITION  # where reading the log began: nothing before it is needed
    records: int = 0
    groups: int = 0
    last_group_offset: int = -1  # in the last segment; -1: it has no group
    torn: Torn | None = None
    closed: LogEnd | None = None  # the end that the last clean close noted, if known
    passed_over: list[tuple[int, CorruptionError]] = field(default_factory=list)  # newer snapshots that can't be used
    warnings: list[str] = field(default_factory=list)
    damage: CorruptionError | None = None  # then documents and position are the state before it
    is_new: bool = False  # the folder was empty: taking over makes a database
    is_foreign: bool = False  # the damage is a file of another database

    @property
    def ends_as_closed(self) -> bool:
        """Nothing was written since the last clean close, as far as the log shows: it ends where the close noted."""
        return self.closed is not None and self.torn is None and self.closed.revision == self.position.revision

    def report(self) -> dict[str, object]:
        """Return what recovery did, for people."""
        used = None if self.snapshot is None else snapshot_name(self.snapshot.revision)
        return {
            "created": self.is_new,
            "snapshot": used,
            "groups": self.groups,
            "records": self.records,
            "log_bytes": self.log_bytes,
            "torn": None if self.torn is None else self.torn._asdict(),
            "ends_as_closed": self.ends_as_closed,
            "warnings": list(self.warnings),
        }


def read_folder(
    directory: Path, *, tombstones_max: int = DEFAULT_LIMITS.tombstones_max, progress: ProgressCallback | None = None
) -> Recovered:
    """Read the newest good snapshot and the log after it.

    Damage is not raised but returned as ``damage``, with the state before it. Raises StorageError (the system refused,
    or the format is newer) and CorruptionError for names that no database gives.
    """
    folder = list_folder(directory)
    segments = [read_segment_file(directory, number) for number in folder.segments]
    documents = Documents(tombstones_max=tombstones_max)
    recovered = Recovered(directory, documents, FIRST_POSITION, segments, folder.leftovers)
    noted, note_problem = read_log_end(directory)
    recovered.is_new = not segments and not folder.snapshots
    if recovered.is_new:
        if noted is not None and noted.revision > 0:
            recovered.closed, recovered.damage = noted, noted.whole_database_missing()
        return recovered
    meter = Progress(progress, sum(segment.size for segment in segments) + _newest_snapshot_bytes(directory, folder))
    recovered.damage = find_foreign(directory, folder, segments)
    if recovered.damage is not None:
        recovered.is_foreign = True
        return recovered
    try:
        base, passed_over = find_base(directory, folder, segments, tombstones_max, meter)
    except CorruptionError as error:
        recovered.damage = error
        return recovered
    recovered.documents, recovered.position = base.documents, base.position
    recovered.snapshot, recovered.first = base.snapshot, base.position
    recovered.passed_over = passed_over
    recovered.warnings = [f"not used: {error.segment}: {error.reason}" for _, error in passed_over]
    _take_note(recovered, segments[base.segment_index], noted, note_problem)
    _read_log(recovered, base.segment_index, meter)
    meter.finish()
    return recovered


def _newest_snapshot_bytes(directory: Path, folder: Folder) -> int:
    with storage_errors(f"can't read {directory}"):
        return (directory / snapshot_name(folder.snapshots[0])).stat().st_size if folder.snapshots else 0


def _take_note(recovered: Recovered, first: SegmentFile, noted: LogEnd | None, problem: str | None) -> None:
    assert first.header is not None, "find_base begins at segments with a header only"
    recovered.database_id = first.header.database_id
    if noted is not None and noted.database_id != recovered.database_id:
        noted, problem = None, "it belongs to another database"
    recovered.closed = noted
    if problem is not None:
        recovered.warnings.append(f"not used: {END_NAME}: {problem}")


def _read_log(recovered: Recovered, first_index: int, progress: Progress) -> None:
    """Replay segment after segment, until the end or damage."""
    for index in range(first_index, len(recovered.segments)):
        segment = recovered.segments[index]
        following = recovered.segments[index + 1] if index + 1 < len(recovered.segments) else None
        if index > first_index:
            recovered.damage = _fault(segment, recovered.segments[index - 1])
            if recovered.damage is not None:
                return
            assert segment.start is not None, "_fault checked that"
            recovered.position = segment.start
        _read_segment(recovered, segment, following)
        if following is None and recovered.damage is None:  # otherwise the next one shows that it is complete
            recovered.damage = cut_of(segment)
        progress.add(segment.size)
        if recovered.damage is not None:
            return


def cut_of(segment: SegmentFile) -> CorruptionError | None:
    """Return the damage of a last segment that is shorter than its header says.

    No crash does that: a segment gets its name only after its full size and its header, which states that size, are
    synced. Whether records or free space stood after the cut can't be known.
    """
    if segment.header is None or segment.size >= segment.header.segment_bytes:
        return None
    made_bytes = segment.header.segment_bytes
    reason = f"the file was cut: it was made with {made_bytes} bytes. Everything after byte {segment.size} is lost"
    return CorruptionError(segment.name, segment.size, reason)


def _fault(segment: SegmentFile, previous: SegmentFile) -> CorruptionError | None:
    """Return what keeps ``segment`` from following ``previous``, as far as its name and header tell."""
    if segment.number != previous.number + 1:
        missing = segment_name(previous.number + 1)
        return CorruptionError(missing, 0, f"the segment is missing, but {segment.name} exists")
    if segment.problem is not None:
        return CorruptionError(segment.name, 0, segment.problem)
    return None


def _read_segment(recovered: Recovered, segment: SegmentFile, following: SegmentFile | None) -> None:
    data = read_segment(recovered.directory, segment)
    start = recovered.position
    stop = replay(recovered.documents, data, start)
    row = decide(look_around(data, stop, following, recovered.closed))
    recovered.position = stop.position
    recovered.log_bytes += stop.position.offset - start.offset
    recovered.records += stop.records
    recovered.groups += stop.groups
    recovered.last_group_offset = stop.last_group_offset
    if row.verdict is Verdict.CORRUPT:
        recovered.damage = damage_at(stop, row, recovered.closed)
    if row.verdict is Verdict.TORN:
        torn_bytes = last_nonzero(data, stop.position.offset) + 1 - stop.position.offset
        recovered.torn = Torn(segment.name, stop.position.offset, torn_bytes, row.cause)


def damage_at(stop: Stop, row: Row, closed: LogEnd | None) -> CorruptionError:
    """Return the damage that a row of the table rules, at the position where the replay stopped."""
    at, cause = stop.position, row.cause
    if row is CLOSED_LATER:
        if stop.reason == STOP_END and closed is not None and closed.segment > at.segment:
            return CorruptionError(segment_name(at.segment + 1), 0, f"the segment is missing: {closed}")
        cause = f"{cause}: {closed}, and the log ends here at revision {at.revision}"
    return CorruptionError(segment_name(at.segment), at.offset, cause)


def look_around(data: bytearray, stop: Stop, following: SegmentFile | None, closed: LogEnd | None) -> Seen:
    """Collect what the decision table asks about the position at which a replay stopped."""
    at = stop.position.offset
    if following is not None:
        named_end = stop.reason == STOP_END and last_nonzero(data, at) < 0  # all that can be said without its word
        if following.header is not None and following.number == stop.position.segment + 1:
            end = stop.position._replace(segment=following.number, offset=SEGMENT_HEADER_BYTES)
            named_end = following.header.previous_end == at and following.start == end
        return Seen(stop.reason, last_segment=False, named_end=named_end)
    after, gap = at, False
    if stop.reason == STOP_HEADER:
        after = at + _GROUP_HEADER_BYTES
    if stop.reason == STOP_BODY:
        after = at + stop.group_bytes
        gap = has_gap(data, at)
    return Seen(
        stop.reason,
        last_segment=True,
        later_group=find_group(data, at, stop.position.segment, stop.position.group + 1) >= 0,
        gap=gap,
        closed_later=closed is not None and closed.revision > stop.position.revision,
        written_after=last_nonzero(data, after) >= 0,
    )
