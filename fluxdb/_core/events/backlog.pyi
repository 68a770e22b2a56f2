"""Pending events of subscribers: for one client, whatever it watches, and for all of a database."""

from fluxdb._core.events.feed import FeedSubscriber

class Backlog:
    """The pending events of all feeds."""

    @property
    def bytes_held(self) -> int:
        """The bytes of the events in memory; an event in two feeds counts twice."""

class ClientBacklog:
    """The pending events of one client."""

    @property
    def bytes_max(self) -> int: ...
    @property
    def bytes_waiting(self) -> int:
        """The bytes that count toward bytes_max, and large bursts."""
    @property
    def subscribers(self) -> set[FeedSubscriber]: ...
    def __init__(self, bytes_max: int) -> None: ...
