"""From an event as the engine hands it out to one that is its taker's own."""

from __future__ import annotations

from fluxdb.engine.handle import RawEvent
from fluxdb.model import OPERATION_OF, Event
from fluxdb.values import decode


def parse_event(raw: RawEvent) -> Event:
    """Parsed anew for each taker: what one does to the values is not seen by another."""
    kind, key, old, new, version, revision = raw
    before = None if old is None else decode(old)
    after = None if new is None else decode(new)
    # Made as the tuple that it is: its own __new__ costs as much as all the rest, for each subscriber anew.
    return _new(Event, (key, before, after, version, OPERATION_OF[kind], revision))


_new = tuple.__new__
