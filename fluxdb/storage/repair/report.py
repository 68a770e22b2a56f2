"""The report of a repair."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fluxdb.storage.repair.salvage_file import SalvageFile

WHAT_TO_DO = "set what you still want again, then remove the file; nothing reads it"


@dataclass
class RepairReport:
    """The damage, the repairs, and the losses."""

    directory: Path
    damage: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)  # messages, in order
    kept: list[str] = field(default_factory=list)  # names that end in .broken
    lost: list[str] = field(default_factory=list)  # messages
    salvage_files: list[str] = field(default_factory=list)
    salvaged_records: int = 0
    revision: int = 0
    keys: int = 0

    @property
    def repaired(self) -> bool:
        """False: nothing was damaged, and nothing was changed."""
        return bool(self.actions)

    def add_salvage(self, salvage: SalvageFile, first_lost: int, noted: int) -> None:
        """Report the records from revision ``first_lost`` on, which are no longer in the database.

        ``noted``: the revision that the last clean close noted, 0: no note.
        """
        if salvage.name is not None:
            self.salvage_files.append(salvage.name)
            self.salvaged_records += salvage.records
        one = salvage.records == 1
        count = "1 intact record was" if one else f"{salvage.records} intact records were"
        saved = f"{count} saved to {salvage.name}: {WHAT_TO_DO}" if salvage.records else ""
        revision_max = max(salvage.revision_max, noted)
        if revision_max >= first_lost:
            span = f"revisions {first_lost} to {revision_max}, at least"
            self.lost.append(f"{span}: {saved or 'no record of them is intact'}")
            return
        when = ", at which the database was last closed" if noted == first_lost - 1 > 0 else ""
        self.lost.append(
            f"everything written after revision {first_lost - 1}{when}, if anything: no record of it is intact"
        )
