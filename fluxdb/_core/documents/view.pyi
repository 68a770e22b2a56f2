"""A view of the documents at one revision, read shard by shard while writers go on."""

from fluxdb._core.documents.documents import Documents
from fluxdb.model import Position

class View:
    """Documents and tombstones at one revision, while writers go on. Close it, or use it as a context manager."""

    def __init__(self, documents: Documents) -> None:
        """RuntimeError where one is open already: one at a time. StorageError where memory ran out within a group."""
    @property
    def position(self) -> Position: ...
    @property
    def logged(self) -> int: ...  # bytes that the committer wrote to the log up to there
    @property
    def clock_ms(self) -> int: ...  # when it was opened, by the clock that removals go by
    @property
    def forgotten_revision(self) -> int: ...  # the latest of a tombstone that was forgotten by then; 0: none was
    def floors(self) -> bytes:
        """The version floors as they were when the view was opened: 4,096 u64, little-endian (b'' if all are 0)."""
    def read_block(self, bytes_min: int, *, naps: bool = True) -> tuple[bytes, int]:
        """The next records, at least ``bytes_min`` bytes of them while there are any, and their count; then (b'', 0).

        Releases the GIL; holds the documents' lock for at most one shard (1/4096 of them) at a time. The lock is not
        fair: without ``naps`` in between, others may get it only when the block is there."""
    def close(self) -> None: ...
    def __enter__(self) -> View: ...
    def __exit__(self, *exc: object) -> None: ...
