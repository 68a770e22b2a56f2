"""What a repair tells of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fluxdb.storage.repair.salvage_file import SalvageFile

WHAT_TO_DO = "set again what is still wanted of it, then remove the file, which nothing reads"


@dataclass
class RepairReport:
    """What was wrong, what was done, what is no longer there."""

    directory: Path
    damage: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)  # in words, in order
    kept: list[str] = field(default_factory=list)  # names that end in .broken
    lost: list[str] = field(default_factory=list)  # in words
    salvage_files: list[str] = field(default_factory=list)
    salvaged_records: int = 0
    revision: int = 0
    keys: int = 0

    @property
    def repaired(self) -> bool:
        """False: there was nothing to repair, and nothing was changed."""
        return bool(self.actions)

    def add_salvage(self, salvage: SalvageFile, first_lost: int, noted: int) -> None:
        """Tell of the records from revision ``first_lost`` on, which are no longer in the database.

        ``noted``: the revision at which the last clean close was noted, 0: none was.
        """
        if salvage.name is not None:
            self.salvage_files.append(salvage.name)
            self.salvaged_records += salvage.records
        one = salvage.records == 1
        count = "1 record of it is whole, and was" if one else f"{salvage.records} records of it are whole, and were"
        saved = f"{count} saved to {salvage.name}: {WHAT_TO_DO}" if salvage.records else ""
        revision_max = max(salvage.revision_max, noted)
        if revision_max >= first_lost:
            span = f"revisions {first_lost} to {revision_max}, at least"
            self.lost.append(f"{span}: {saved or 'no record of it is whole'}")
            return
        when = ", at which the database was last closed" if noted == first_lost - 1 > 0 else ""
        self.lost.append(
            f"what was written after revision {first_lost - 1}{when}, if anything: no record of it is whole"
        )
