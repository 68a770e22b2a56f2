"""Making a damaged database open again: keep everything that can be proven, report everything that can't.

Kinds of damage are fixed one after the other, each with the smallest change that helps, until the folder reads whole:

    a name that no database gives,          the file is renamed aside
    a file of another database
    a segment whose header is damaged       the header is rewritten, if the groups show that nothing else is damaged;
                                            otherwise the segment is renamed aside
    damage in the log, a missing segment    the log ends before it; later segments are renamed aside
    no snapshot that the log follows from   a new snapshot of the intact documents in the newest one, and a new log;
                                            the old log is renamed aside
    a last segment that was cut             the log ends before the damage, the file gets its size again
    a log that ends before its last close   the note of that close (log.end) is renamed aside
    a damaged snapshot that is not needed   it is renamed aside

Records after the damage are not applied: they may build on what is lost. The intact ones are saved to a side file
(salvage_file.py). Every file that is changed is kept as a copy, or under another name, with the same beginning and the
ending ``.broken``.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fluxdb.errors import CorruptionError, StorageError
from fluxdb.limits import DEFAULT_LIMITS, Limits
from fluxdb.storage.layout import absolute, check_is_ours, list_folder, require_database, require_folder, snapshot_name
from fluxdb.storage.lock import FolderLock
from fluxdb.storage.progress import ProgressCallback
from fluxdb.storage.reader import Recovered, read_folder
from fluxdb.storage.repair.aside import rename_aside
from fluxdb.storage.repair.fix_log import cut_log, fix_header, noted_revision, put_note_aside
from fluxdb.storage.repair.fix_snapshot import begin_again
from fluxdb.storage.repair.report import RepairReport

_ROUNDS_MAX = 1000  # each takes at least one file out of the way, or ends the log earlier


def repair_database(
    path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS, *, progress: ProgressCallback | None = None
) -> RepairReport:
    """Repair the database in ``path``; if nothing is damaged, change nothing.

    Raises LockedError, DiskFullError, StorageError (no database there, or a newer format); it can be run again.
    """
    directory = absolute(Path(path))
    require_folder(directory)
    with suppress(CorruptionError):  # a name that is fixed below
        check_is_ours(directory)  # before LOCK is made in it
    report = RepairReport(directory)
    lock = FolderLock.own(directory)
    try:
        _fix_names(directory, report)
        if _accept_empty(directory, report):
            return report
        require_database(directory)
        for _ in range(_ROUNDS_MAX):
            recovered = read_folder(directory, tombstones_max=limits.tombstones_max, progress=progress)
            if recovered.damage is None:
                for revision, error in recovered.passed_over:  # the log may come to fit one by chance
                    reason = f"it can't be used: {error.segment}: {error.reason}"
                    _put_aside(directory, CorruptionError(snapshot_name(revision), 0, reason), report)
                report.revision, report.keys = recovered.position.revision, len(recovered.documents)
                return report
            _fix(recovered, recovered.damage, limits, report)
    finally:
        lock.release()
    raise StorageError(f"{directory} could not be repaired: {report.damage[-1]}")


def _fix_names(directory: Path, report: RepairReport) -> None:
    while (error := _bad_name(directory)) is not None:
        _put_aside(directory, error, report)


def _accept_empty(directory: Path, report: RepairReport) -> bool:
    """Put log.end aside if nothing else is left of the database; then nothing else can be kept."""
    try:
        require_database(directory)
    except CorruptionError as error:
        report.damage.append(f"{error.segment}: {error.reason}")
        report.lost.append(f"all documents, up to revision {noted_revision(directory)}")
        put_note_aside(directory, 0, report)
        return True
    except StorageError:
        return False  # said below, or by reading it
    return False


def _bad_name(directory: Path) -> CorruptionError | None:
    try:
        list_folder(directory)
    except CorruptionError as error:
        return error
    return None


def _put_aside(directory: Path, error: CorruptionError, report: RepairReport) -> None:
    report.damage.append(f"{error.segment}: {error.reason}")
    report.kept.append(rename_aside(directory, error.segment))
    report.actions.append(f"{error.segment} was renamed to {report.kept[-1]}")


def _fix(recovered: Recovered, damage: CorruptionError, limits: Limits, report: RepairReport) -> None:
    if recovered.is_foreign:
        _put_aside(recovered.directory, damage, report)
        return
    report.damage.append(f"{damage.segment}, byte {damage.offset}: {damage.reason}")
    if fix_header(recovered, damage, report):
        return
    if recovered.database_id:
        cut_log(recovered, report)
    else:
        begin_again(recovered, limits, report)
