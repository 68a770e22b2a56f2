"""Looking at a log without applying it: the facts about a segment's bytes for recovery, check and repair."""

from typing import NamedTuple

Buffer = bytes | bytearray | memoryview

def find_group(segment: Buffer, offset: int, segment_number: int, after_group: int) -> int:
    """Find the first valid group header at or after ``offset`` with a number > ``after_group``; -1 if none."""

def last_nonzero(segment: Buffer, offset: int) -> int:
    """Return the offset of the last byte at or after ``offset`` that is not 0, or -1."""

def has_gap(segment: Buffer, offset: int) -> bool:
    """Tell whether the group at ``offset`` lacks sectors that were never written, as far as one can tell.

    If so, its last byte is 0, or a 512-byte sector is all zeros, or the buffer ends before the group does. A sector of
    zeros does not count inside a whole frame, or inside a key that holds NULs where it borders on that sector.
    ValueError if no group's header is there.
    """

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

class FoundFrame(NamedTuple):
    """One record of the log."""

    kind: int
    revision: int
    version: int
    key: str
    text: bytes
    joined: bool  # the next frame belongs to the same batch
    expires_at_ms: int  # since 1970; 0: it names no expiry

def read_frames(segment: Buffer, offset: int) -> list[FoundFrame]:
    """The leading frames that are valid and known of the group whose header is at ``offset``."""
