"""Looking at a log without applying it: what recovery, check and repair want to know of a segment's bytes."""

from typing import NamedTuple

Buffer = bytes | bytearray | memoryview

def find_group(segment: Buffer, offset: int, segment_number: int, after_group: int) -> int:
    """Where the first valid group header at or behind ``offset`` is that has a number > ``after_group``, or -1."""

def last_nonzero(segment: Buffer, offset: int) -> int:
    """The offset of the last byte at or behind ``offset`` that is not 0, or -1."""

def has_gap(segment: Buffer, offset: int) -> bool:
    """Does the group at ``offset`` lack sectors that were never written, as far as can be told?

    Its last byte is 0 then, or a 512-byte sector is, or the buffer ends before the group. But a sector of zeros is none
    within a frame that is whole, or within a key that holds NULs where it borders on that sector. ValueError where no
    group's header is there.
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
