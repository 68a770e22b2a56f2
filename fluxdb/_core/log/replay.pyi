"""Reading the log: whole groups of a segment into documents, and what stands where it stops."""

from typing import Final

from fluxdb._core.documents.documents import Documents
from fluxdb.model import Position

STOP_END: Final[int]  # the end of the buffer, or a group header that is all zeros
STOP_HEADER: Final[int]  # bytes that are no valid group header
STOP_BODY: Final[int]  # a valid group header of the expected group, whose frames or trailer are not whole
STOP_PLACE: Final[int]  # a valid group header of another group, segment, offset or chain than expected
STOP_RECORD: Final[int]  # a whole group whose records don't follow from the state (a bug, or forged)

class Stop:
    """The position and the reason at which a replay stopped."""

    position: Position  # after the last whole group
    reason: int  # STOP_*
    group_bytes: int  # STOP_BODY: the length of the broken group as its header says, else 0
    last_group_offset: int  # of the last whole group that was read in this call (-1: none)
    records: int  # applied (or skipped, where the documents stand past them already) in this call
    groups: int

Buffer = bytes | bytearray | memoryview

def replay(documents: Documents | None, segment: Buffer, position: Position) -> Stop:
    """Apply every whole group from ``position`` on; records at or below the documents' revision are skipped.

    ``segment`` is the whole file, its header included. With documents None only checks. Releases the GIL.
    StorageError where a whole group holds a kind of record that only a newer FluxDB knows.
    """
