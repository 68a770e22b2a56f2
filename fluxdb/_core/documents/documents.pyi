"""The documents, the tombstones, and the revision that they stand at. Safe from any thread."""

from typing import Final, NamedTuple

from fluxdb._core.documents.view import View
from fluxdb.model import Position

NUMBER_MAX: Final[int]  # of versions and revisions, 2**63 - 1: none is given, or believed, beyond it

class Documents:
    """All live documents and remembered tombstones.

    ``memory_limit``-free: the caller bounds what goes in. Deleting more than ``tombstones_max`` keys forgets the oldest
    tombstones; the version floor of their bucket (of 4,096, by CRC-32C of the key) keeps versions from repeating.
    """

    def __init__(self, *, tombstones_max: int = 65536) -> None: ...
    def __len__(self) -> int: ...  # documents, without those whose time is over
    @property
    def stored(self) -> int: ...  # documents, those whose time is over and that are not removed yet included
    @property
    def expiring(self) -> int: ...  # of these, those that have an expiry
    @property
    def expiry_entries(self) -> int: ...  # of the heap and the queue, stale ones included
    @property
    def clock_ms(self) -> int: ...  # milliseconds since 1970, by the clock that removals go by
    def take_clock_jump(self) -> bool:
        """Did the system's clock jump ahead by more than an hour, since this was asked last?"""
    @property
    def forgotten_revision(self) -> int: ...  # the latest of a tombstone that was forgotten; 0: none was
    @property
    def tombstones(self) -> int: ...
    @property
    def tombstone_entries(self) -> int: ...  # of their queue, stale ones and gaps included
    @property
    def data_bytes(self) -> int: ...  # keys and values of live documents
    @property
    def position(self) -> Position: ...  # of the last group applied
    def get(self, key: str) -> tuple[bytes, int] | None:
        """Stored compact JSON and version; None once its time is over. Raises InvalidKeyError, LimitError."""
    def get_stored(self, key: str) -> tuple[bytes, int, int] | None:
        """JSON, version and expiry (milliseconds since 1970, 0: none), even where its time is over."""
    def bound_keys(self, key_bytes_max: int) -> None:
        """From here on a key that is longer is an error; a Committer over these documents sets its own bound."""
    def digest(self) -> str:
        """32 hex digits over documents, versions, tombstones, floors and revision: the same state, the same digest."""
    def begin(self, position: Position, floors: bytes, *, clock_ms: int = 0, forgotten_revision: int = 0) -> None:
        """Set where loading starts: what a snapshot (or an empty log) says of itself. Only while empty."""
    def load_block(self, payload: bytes | bytearray | memoryview) -> int:
        """Take the records of one snapshot block; how many there were. Raises ValueError where they don't parse."""
    def loaded(self) -> None:
        """Call once after the last load_block: orders the tombstones by revision."""
    def open_view(self) -> View:
        """A view of the documents as they are now, which stops no writer. One at a time: RuntimeError."""

# A record as it lies in a block: u64 revision, u64 version, u32 value bytes, u16 key bytes, u8 flags (1: tombstone,
# 4: expires), u8 0, key, value, and with flag 4 u64 expiry.
def pack_record(key: str, text: bytes | None, version: int, revision: int, expires_at_ms: int = 0) -> bytes: ...

class StoredRecord(NamedTuple):
    """A record of a snapshot block."""

    key: str
    text: bytes | None  # of a tombstone None
    version: int
    revision: int
    expires_at_ms: int  # since 1970; 0: it never expires

def read_records(payload: bytes | bytearray | memoryview) -> list[StoredRecord]:
    """The records of a block. Raises ValueError."""

def block_directories(
    payload: bytes | bytearray | memoryview, block_bytes_min: int
) -> list[tuple[int, int, int, bytes]]:
    """Cut records into blocks, each of as few as have ``block_bytes_min``. For each block: where it begins and ends in
    ``payload``, the number of records, and the u32 CRC-32C of each.
    """
