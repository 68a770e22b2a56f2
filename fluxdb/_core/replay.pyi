"""Reading the log: whole groups of a segment into documents, and what stands where it stops."""

from typing import Final

from fluxdb._core.documents import Documents
from fluxdb.model import Position

STOP_END: Final[int]  # the end of the buffer, or a group header that is all zeros
STOP_HEADER: Final[int]  # bytes that are no valid group header
STOP_BODY: Final[int]  # a valid group header of the expected group, whose frames or trailer are not whole
STOP_PLACE: Final[int]  # a valid group header of another group, segment, offset or chain than expected
STOP_RECORD: Final[int]  # a whole group whose records don't follow from the state (a bug, or forged)

class Stop:
    """Where and why a replay stopped."""

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
    """

def find_group(segment: Buffer, offset: int, segment_number: int, after_group: int) -> int:
    """The offset of the first valid group header at or behind ``offset`` whose group number is > ``after_group``, or -1."""

def last_nonzero(segment: Buffer, offset: int) -> int:
    """The offset of the last byte at or behind ``offset`` that is not 0, or -1."""

def has_zero_sector(segment: Buffer, offset: int, end: int) -> bool:
    """Is any of the 512-byte sectors in [offset, end) all zeros, or does the buffer end before ``end``?"""

class GroupHeader:
    group: int
    segment: int
    offset: int
    first_revision: int
    records: int
    group_bytes: int  # from its header to the end of its trailer, padding not counted
    chain: int  # checksum of the header of the group before
    checksum: int  # of this header

def read_group_header(segment: Buffer, offset: int) -> GroupHeader | None:
    """The group header at ``offset``, None where there is no valid one."""

def read_frames(segment: Buffer, offset: int) -> list[tuple[int, int, int, str, bytes]]:
    """(kind, revision, version, key, text) of the leading valid frames of the group whose valid header is at ``offset``."""
