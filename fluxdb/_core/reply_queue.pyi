"""The replies of a connection, in the order of its requests; and all connections of one event loop."""

from fluxdb._core.channel import Channel
from fluxdb._core.connection import Connection

class Hub:
    """All connections of one event loop, over a channel of its own (which it closes)."""

    def __init__(self, channel: Channel) -> None: ...
    @property
    def fd(self) -> int:
        """Readable when collect() has something, or events are waiting."""
    def collect(self) -> list[Connection]:
        """Settle what became durable; the connections that may have something to send, or to read on."""
    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """By kind of request, "invalid" for what could not be read: how many were answered, how many refused."""
    def count(self, kind: str, refused: bool) -> None:
        """One more request that Python answered."""
    def close(self) -> None: ...
