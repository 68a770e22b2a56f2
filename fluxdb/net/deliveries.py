"""Events for clients: taken from the feeds, built once, sent to many in one call.

All events of one round go out in the order of the commits, over all keys of a client. A client without room for an
event keeps it until it has room again. Events that it could not send, taken or not, stay in the feeds and count for the
client (backlog): so each is in memory once, no matter how many others wait for it, and their number is bounded: a
client that never has room is evicted. Then it keeps nothing, and is notified at once: that line is short, and always
has room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fluxdb.engine.handle import RawEvent
from fluxdb.errors import ClosedError, SubscriberEvictedError
from fluxdb.net.subscriptions import ConnectionSubscriber

ROUND_BYTES = 16 * 1024  # the events taken at once from one subscriber

_Run = tuple[list[ConnectionSubscriber], list[RawEvent]]


class EventDeliveries:
    """``push`` sends lines to clients, by their numbers, and returns the numbers of those without room;
    ``on_evicted`` gets a subscriber that fell behind, with its last revision, and closes it."""

    def __init__(
        self,
        push: Callable[[list[int], bytes], list[int]],
        on_evicted: Callable[[ConnectionSubscriber, int], None],
    ) -> None:
        self._push_lines = push
        self._on_evicted = on_evicted
        self._behind: set[int] = set()  # numbers of the clients without room

    def catch_up(self, number: int, subscribers: Iterable[ConnectionSubscriber]) -> None:
        """Continue for a client that has room again, and its subscriptions."""
        self._behind.discard(number)
        behind = [subscriber for subscriber in subscribers if subscriber.behind]
        for subscriber in behind:
            subscriber.behind = False
        if behind:
            behind[0].bell.ring(behind)  # together with those rung before: they may have older events

    def forget(self, number: int) -> None:
        """Forget a client that is gone."""
        self._behind.discard(number)

    def deliver(self, subscribers: Iterable[ConnectionSubscriber]) -> None:
        """Send the events of these subscribers while there is room. Those without events then wait."""
        going = list(subscribers)
        while going:
            horizon = float("inf")
            taking: list[ConnectionSubscriber] = []
            for subscriber in going:
                more = self._take(subscriber)
                if subscriber.taken:
                    taking.append(subscriber)
                    if more:
                        horizon = min(horizon, subscriber.taken[-1][5])
            for waiting, events in _runs(taking, horizon):
                self._push(waiting, events)
            going = [subscriber for subscriber in taking if not subscriber.behind or subscriber.evicted]

    def _take(self, subscriber: ConnectionSubscriber) -> bool:
        """Take more of its events; return whether more may follow."""
        if subscriber.evicted or subscriber.closed:
            subscriber.taken = []
            if not subscriber.closed:
                self._on_evicted(subscriber, max(subscriber.sent_revision, subscriber.after_revision))
        try:
            while not subscriber.taken:
                subscriber.taken = subscriber.take_many(ROUND_BYTES)
                if not subscriber.taken and subscriber.wait():
                    return False
        except SubscriberEvictedError:
            self._on_evicted(subscriber, max(subscriber.sent_revision, subscriber.after_revision))
        except ClosedError:
            pass
        return True

    def _push(self, waiting: list[ConnectionSubscriber], events: list[RawEvent]) -> None:
        numbers = [subscriber.number for subscriber in waiting]
        if self._behind:  # nothing overtakes the events of other keys that a client keeps
            numbers = [number for number in numbers if number not in self._behind]
        if numbers:
            line = waiting[0].bell.line
            lines = line(events[0]) if len(events) == 1 else b"".join([line(event) for event in events])
            self._behind.update(self._push_lines(numbers, lines))
        for subscriber in waiting:
            if self._behind and subscriber.number in self._behind:
                subscriber.behind = True
            else:
                del subscriber.taken[: len(events)]
                subscriber.sent_revision = events[-1][5]
                subscriber.note_sent(subscriber.sent_revision)


def _runs(subscribers: list[ConnectionSubscriber], horizon: float) -> list[_Run]:
    """Return the taken events up to the horizon, in commit order; events to the same subscribers together."""
    waiting: dict[int, list[ConnectionSubscriber]] = {}  # by revision
    events: dict[int, RawEvent] = {}
    for subscriber in subscribers:
        for event in subscriber.taken:
            revision = event[5]
            if revision in waiting:
                waiting[revision].append(subscriber)
            elif revision <= horizon:
                waiting[revision] = [subscriber]
                events[revision] = event
    runs: list[_Run] = []
    for revision in sorted(waiting):
        if runs and runs[-1][0] == waiting[revision]:
            runs[-1][1].append(events[revision])
        else:
            runs.append((waiting[revision], [events[revision]]))
    return runs
