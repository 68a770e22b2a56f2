"""Log segments as files: the header block, allocation ahead."""

from typing import Final, NamedTuple

SEGMENT_HEADER_BYTES: Final[int]  # 4096
SECTOR_BYTES: Final[int]  # 512: groups begin on one
FORMAT_VERSION: Final[int]

class SegmentHeader(NamedTuple):
    database_id: bytes  # 16 bytes
    number: int  # from 1
    segment_bytes: int  # size of the file, allocated ahead
    start: tuple[int, int, int, int, int]  # the Position at the first group of this segment
    previous_end: int  # offset in the segment before at which its last group's sectors end (0 in the first)
    format_version: int = ...  # as it was read; what is written is always of FORMAT_VERSION

def encode_header(header: SegmentHeader) -> bytes: ...
def decode_header(block: bytes | bytearray) -> SegmentHeader:
    """Decode a header. Raises ValueError with the reason (not a segment, checksum), StorageError for another format."""

def change_header(block: bytes, database_id: bytes, segment_bytes: int) -> bytes:
    """The same header, of the same format, for a copy of the segment in another database. Raises as decode_header."""

def segment_name(number: int) -> str: ...  # log-0000000000000001
def create_segment(directory_fd: int, header: SegmentHeader) -> int:
    """Allocate, write the header, sync, rename into place, sync the directory; the descriptor, open for writing.

    Raises DiskFullError, StorageError; leaves nothing behind then.
    """
