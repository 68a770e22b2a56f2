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
    write_ns_total: int  # of the writes that took effect: from when each was taken to when it was answered
    @property
    def write_ns_histogram(self) -> list[int]:
        """Those times, counted by their number of bits."""
    def count(self, kind: str, refused: bool) -> None:
        """One more request that Python answered."""
    def close(self) -> None: ...
