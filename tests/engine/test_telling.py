"""The teller by itself, over a committer that has no memory left."""

from __future__ import annotations

import pytest

from fluxdb._core.telling import Teller
from fluxdb.engine.subscriber import ThreadSubscriber
from fluxdb.errors import SubscriberEvictedError


class Committer:
    events: object = ()

    def watch(self, key: str) -> int:
        return 0

    def unwatch(self, key: str) -> None: ...

    def take_events(self) -> object:
        events, self.events = self.events, ([], False)
        if isinstance(events, BaseException):
            raise events
        return events


def test_subscribers_whose_events_there_was_no_memory_for_are_evicted() -> None:
    committer = Committer()
    committer.events = ([], False)
    teller = Teller(committer, subscriber_events_max=10, subscriber_bytes_max=1_000, bursts_bytes_max=1_000)
    subscribers = [teller.subscribe(ThreadSubscriber, (key,)) for key in "ab"]
    committer.events = MemoryError()
    with pytest.raises(MemoryError):
        teller.dispatch()
    for subscriber in subscribers:
        with pytest.raises(SubscriberEvictedError):
            subscriber.take()
    assert teller.counts(0) == (0, 2)
    assert teller.feeds == {}
