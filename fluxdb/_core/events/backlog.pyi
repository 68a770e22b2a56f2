"""What waits for subscribers: for one client, whatever it watches, and for all of a database."""

from fluxdb._core.events.feed import FeedSubscriber

class Backlog:
    """What waits in all feeds."""

    @property
    def bytes_held(self) -> int:
        """Of the events in memory; one in two feeds counts twice."""

class ClientBacklog:
    """What waits for one client."""

    @property
    def bytes_max(self) -> int: ...
    @property
    def bytes_waiting(self) -> int:
        """What counts toward bytes_max, and large bursts."""
    @property
    def subscribers(self) -> set[FeedSubscriber]: ...
    def __init__(self, bytes_max: int) -> None: ...
