"""The write path: stage, frame, write, sync, apply, acknowledge."""

from collections.abc import Iterable
from typing import Final, Protocol

from fluxdb._core.documents.documents import Documents
from fluxdb.model import Position

CHORE_SPARE: Final[int]  # bits of Committer.wait_for_chore
CHORE_CHECKPOINT: Final[int]
CHORE_CLOSED: Final[int]

class Operation(Protocol):
    """As fluxdb.engine.operation.Operation."""

    @property
    def kind(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def text(self) -> bytes | None: ...
    @property
    def if_version(self) -> int: ...
    @property
    def exists(self) -> bool: ...
    @property
    def by(self) -> int: ...
    @property
    def path(self) -> str: ...
    @property
    def ttl_ms(self) -> int: ...
    @property
    def keep_ttl(self) -> bool: ...

class Committer:
    """One owner of the log: takes writes from any thread, commits them in groups, applies them to the documents."""

    def __init__(
        self,
        documents: Documents,
        *,
        directory_fd: int,  # both descriptors are the committer's from here on: it closes them
        segment_fd: int,
        database_id: bytes,
        position: Position,  # the end of the log, cut and durable; must be the documents' own
        segment_size: int,  # of the file behind segment_fd
        segment_bytes: int,  # of a fully grown segment; the next ones grow from segment_size
        group_bytes_max: int,
        batch_operations_max: int,
        batch_bytes_max: int,
        key_bytes_max: int,
        value_bytes_max: int,
        depth_max: int,
        page_documents_max: int,
        page_bytes_max: int,
        event_bytes_max: int,
        checkpoint_log_bytes: int,  # 0: never asks for a checkpoint
        log_bytes_max: int,  # since the last checkpoint: then writers wait until checkpointed() or checkpoint_failed()
        log_bytes: int,  # already in the log since the last checkpoint
        segment_is_older: bool = False,  # of an older format: the first group goes on in a new segment
    ) -> None: ...
    def write(
        self,
        kind: int,
        key: str,
        text: bytes | None,
        if_version: int = -1,
        ttl_ms: int = 0,  # SET, TOUCH: 0: the document never expires; PATCH: 0: it expires when it did before
        keep_ttl: bool = False,  # SET: it expires when it did before
    ) -> tuple[int, int] | None:
        """Returns (version, revision) when the write is durable and applied; None for DELETE, TOUCH of a missing key.

        The calling thread leads the group where no other does. Releases the GIL.
        Blocks while the filling group is full, and while the log is, until a checkpoint has ended or failed.
        ``text`` is any JSON text (checked, brought to compact form); None for DELETE. ``if_version`` -1: no condition.
        Raises InvalidKeyError, InvalidValueError, LimitError, VersionConflictError, ClosedError, DiskFullError,
        PoisonedError, StorageError.
        """
    def write_batch(self, operations: Iterable[Operation]) -> tuple[int, list[int | None], list[int | None]]:
        """Commit all of the batch, or nothing. Returns (revision, versions, sums), a version and a sum per operation.

        A version is None where nothing was written (a CHECK, a DELETE of a missing key), a sum is an INCREMENT's.
        A condition sees the operations before it. VersionConflictError.conflicts has every condition that fails, and an
        error's ``index`` is the place of the operation at fault. Blocks and raises as write() does.
        """
    # Watching: which keys' changes are kept as events
    def watch(self, key: str) -> int:
        """From the return on, commits to this key are kept for take_events (counts: watch twice, unwatch twice).

        Returns the revision at which watching began: events of that key with a higher revision will come."""
    def unwatch(self, key: str) -> None: ...
    def take_events(
        self,
    ) -> tuple[list[tuple[int, str, bytes | None, bytes | None, int, int, int]], bool, bool, bool]:
        """The next events, in revision order, as (kind, key, old, new, version, revision, commit): 256, or 256 KiB and
        one, and the rest of its batch, whose last revision is commit.

        Then, were events dropped behind these, since event_bytes_max was reached (evict every subscriber)? Is the burst
        over: all that was there when its first events were taken, to the end of a commit group? Are there more?"""
    def wait_for_events(self, timeout_seconds: float) -> bool:
        """Block (GIL released) until take_events has something, or the committer is closed or woken.

        For one thread."""
    # Chores
    def wait_for_chore(self, timeout_seconds: float) -> int:
        """Block (GIL released) until something is due: CHORE_* bits, 0 on time-out. For one thread."""
    def prepare_spare(self) -> int:
        """Allocate the next segment ahead if it is missing: 0, or the errno of the failure. From any thread.

        If it failed, the write that needs the segment reports it."""
    def checkpointed(self, logged: int) -> None:
        """A durable snapshot stands for the log up to View.logged: log bytes are counted from there."""
    def checkpoint_failed(self, error: int) -> None:
        """A checkpoint failed with that errno: while the log is full, writes raise DiskFullError or StorageError."""
    def set_displaced(self, words: str | None) -> None:
        """The folder was deleted, moved or replaced, in words: writes raise StorageError. None: it is in its place."""
    def wake(self) -> None:
        """Make wait_for_chore and wait_for_events return."""
    @property
    def log_bytes(self) -> int: ...  # since the last checkpoint
    @property
    def log_is_full(self) -> bool: ...  # log_bytes_max is reached: writers wait for a checkpoint
    @property
    def checkpoint_failure(self) -> str | None: ...  # why writes are refused while the log is full, or None
    @property
    def displaced(self) -> str | None: ...  # why the folder counts as displaced, and no writes are taken
    @property
    def poisoned(self) -> str | None: ...  # why no writes are taken, or None
    @property
    def writing_seconds(self) -> float:
        """For how long a group has been written and synced by now, 0.0 where none is: long on a disk that hangs."""
    @property
    def refusing(self) -> bool:
        """Was the last write refused since there was no room for a log segment, and is none ready by now either?

        After prepare_spare(), whether the next one that needs a segment will be."""
    @property
    def closed(self) -> bool: ...
    def stats(self) -> dict[str, int]:
        """groups, records, bytes, fsyncs, fsync_ns_total, fsync_ns_max, rotations, segment, events_dropped,
        watched_keys."""
    def close(self) -> None:
        """Commit what is staged, stop the thread, close the descriptors. Later writes raise ClosedError. Idempotent."""
    def abandon(self) -> None:
        """After fork, in the child: close the descriptors, touch no lock, write nothing, refuse everything."""
