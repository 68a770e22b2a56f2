"""The committer's other door: writes of an event loop, which must never wait."""

from fluxdb._core.commit.committer import Committer

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
    def submit(self, kind: int, key: str, text: bytes | None, if_version: int = -1) -> tuple[int, int] | bool | None:
        """Stage; the result that the write will have once it is acknowledged by collect(). Raises as Committer.write.

        None: DELETE of a missing key; it is staged all the same, so that collect() answers it.
        False: the filling group is full, nothing was staged; try again after the next collect().
        A refusal (VersionConflictError, None for a missing key) that rests on a write not yet durable is staged, too:
        its result comes through collect()."""
    def collect(self) -> list[object] | int:
        """Outcomes of submits, in their order: an int n where the next n all succeeded, else one item for each:
        None for success, or the exception to raise."""
    def close(self) -> None: ...
