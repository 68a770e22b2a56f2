"""Clients of an event loop, sans I/O: bytes in, replies out, in the order of the requests."""

from fluxdb._core.commit.channel import Channel

class Hub:
    """All connections of one event loop, over one channel (which it closes)."""

    def __init__(self, channel: Channel) -> None: ...
    @property
    def fd(self) -> int:
        """Readable when collect() has something, or events are waiting."""
    def collect(self) -> list[Connection]:
        """Settle what became durable; the connections that may have something to send, or to read on."""
    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """By kind of request, "invalid" for unreadable ones: how many were answered, how many rejected."""
    @property
    def durations(self) -> dict[str, tuple[int, list[int]]]:
        """The times of GETs, and of writes that took effect, by kind: from taking the request to answering it. The sum,
        in nanoseconds, and how many took so many bits of them."""
    def count(self, kind: str, refused: bool) -> None:
        """Count one more request that Python answered; kind: one of those in counts."""
    def close(self) -> None: ...

class Connection:
    """One client. Used in the thread of its event loop only."""

    def __init__(self, hub: Hub, *, line_bytes_max: int, authenticated: bool, output_bytes_max: int = ...) -> None:
        """With more than output_bytes_max of replies not taken yet, no more requests are; one reply may go over it."""
    authenticated: bool
    line_bytes_max: int
    @property
    def first_line(self) -> bool:
        """Was no line taken yet?"""
    @property
    def stalled(self) -> bool:
        """Requests wait for replies before them, or for room in the group: next_request() goes on after collect()."""
    @property
    def choked(self) -> bool:
        """Requests, or replies, wait for room in the output: next_request() goes on after take()."""
    @property
    def pending(self) -> int:
        """Requests without their replies (and runs of replies behind them); 0: none."""
    @property
    def ended(self) -> bool:
        """The stream can't be followed any more: send what take() gives, and close."""
    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Bytes that arrived, in whatever pieces. Then call next_request() until it returns None, then take()."""
    def next_request(self) -> tuple[int, str, bytes, str | None, bytes | None] | None:
        """Work through what was fed; the next request that Python has to answer by reply(), or None.

        As (ticket, kind, id, key, password): kind is snapshot, subscribe, unsubscribe, info or auth; id is JSON,
        b"" for none. Raises MemoryError."""
    def reply(self, ticket: int, line: bytes) -> None:
        """The reply to a request that next_request() returned: lines with their newlines. Its turn comes in order."""
    def push(self, line: bytes) -> None:
        """Add lines that answer no request (events), after all replies so far."""
    def take(self) -> bytes:
        """The bytes that may be sent now; b'' for none."""
    def close(self) -> None:
        """The connection is gone: its writes in flight settle without it."""
    @property
    def unread_bytes(self) -> int:
        """The bytes fed and not parsed yet."""
    @property
    def held_bytes(self) -> int:
        """The bytes of replies that wait for their turn."""
    @property
    def idle(self) -> bool:
        """Is there no request without its reply?"""
