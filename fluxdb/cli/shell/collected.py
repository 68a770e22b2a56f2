"""The batch of a session: the writes between BATCH and COMMIT."""

from __future__ import annotations

from fluxdb.cli.shell import commands
from fluxdb.engine.handle import ANY_VERSION
from fluxdb.engine.operation import Operation
from fluxdb.errors import FluxDBError
from fluxdb.model import Kind


class BatchStateError(FluxDBError):
    """A command that needs a batch, or needs none."""

    code = "invalid"


class Collected:
    """Collects the writes of a batch; nothing of them takes effect before they are taken and written."""

    def __init__(self) -> None:
        self._operations: list[Operation] | None = None
        self._failed = ""  # the line that should have added one

    def __bool__(self) -> bool:
        """Tell whether a batch is open."""
        return self._operations is not None

    def begin(self) -> None:
        if self._operations is not None:
            raise BatchStateError("a batch is open already: COMMIT writes it, ABORT forgets it")
        self._operations = []
        self._failed = ""

    def add(self, write: commands.Write) -> int:
        """Return how many there are now."""
        if self._operations is None:
            raise BatchStateError("CHECK is a condition of a batch, which BATCH begins")
        self._operations.append(operation(write))
        return len(self._operations)

    def spoil(self, line: str) -> None:
        """Note that ``line`` failed: a script's batch without it is not the one that was meant."""
        self._failed = self._failed or line

    def take(self, name: str) -> list[Operation]:
        """Return all of them; the batch is over. ``name``: of the command that asks."""
        if self._operations is None:
            raise BatchStateError(f"{name} ends a batch, and none is open: BATCH begins one")
        operations, self._operations = self._operations, None
        if self._failed and name == "COMMIT":
            raise BatchStateError(f"{self._failed} failed: nothing of the batch was written")
        return operations


def operation(write: commands.Write) -> Operation:
    """Return the operation that an engine's batch takes."""
    if_version = ANY_VERSION if write.if_version is None else write.if_version
    if isinstance(write, commands.Set):
        return Operation(Kind.SET, write.key, write.text.encode(), if_version, ttl_ms=write.ttl_ms)
    if isinstance(write, commands.Patch):
        kind = Kind.PATCH_REMOVE_NULLS if write.remove_nulls else Kind.PATCH
        return Operation(kind, write.key, write.text.encode(), if_version, ttl_ms=write.ttl_ms)
    if isinstance(write, commands.Touch):
        return Operation(Kind.TOUCH, write.key, None, if_version, ttl_ms=write.ttl_ms)
    if isinstance(write, commands.Increment):
        return Operation(Kind.INCREMENT, write.key, None, if_version, by=write.by, path=write.path)
    if isinstance(write, commands.Check):
        return Operation(Kind.CHECK, write.key, None, if_version, exists=write.if_version is None)
    return Operation(Kind.DELETE, write.key, None, if_version)
