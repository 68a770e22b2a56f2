"""The committer's other door: writes of an event loop, which must never wait."""

from collections.abc import Iterable

from fluxdb._core.commit.committer import Committer, Operation
from fluxdb.errors import FluxDBError

class Channel:
    """Writes of one event loop, which never block it. Use from that loop's thread only."""

    def __init__(self, committer: Committer) -> None:
        """The first one starts the commit thread. Raises ClosedError; StorageError without thread or descriptor."""
    @property
    def fd(self) -> int:
        """Readable when collect() has something (an eventfd on Linux, a pipe elsewhere), or events are waiting."""
    @property
    def outstanding(self) -> int:
        """Submits that were staged and whose outcomes collect() has not returned yet."""
    def submit(
        self,
        kind: int,
        key: str,
        text: bytes | None,
        if_version: int = -1,
        ttl_ms: int = 0,
        keep_ttl: bool = False,
    ) -> tuple[int, int] | bool | FluxDBError | None:
        """Stage; the result that the write will have once it is acknowledged by collect(). Raises as Committer.write.

        None: DELETE or TOUCH of a missing key; it is staged all the same, so that collect() answers it.
        False: the filling group is full, nothing was staged; try again after the next collect().
        A rejection that rests on a write not yet durable is staged, too, and returned: it holds once collect() has
        acknowledged it."""
    def submit_batch(
        self, operations: Iterable[Operation]
    ) -> tuple[int, list[int | None], list[int | None]] | bool | FluxDBError:
        """Stage a batch, which collect() acknowledges once. The result of Committer.write_batch, else as submit()."""
    def collect(self) -> list[object] | int:
        """Outcomes of submits, in their order: an int n where the next n all became what submit said, else one item for
        each: None where it did, or the exception to raise."""
    def close(self) -> None: ...
