"""From an event as the engine hands it out to one that is its taker's own."""

from __future__ import annotations

from fluxdb.engine.handle import RawEvent
from fluxdb.model import OPERATION_OF, Event
from fluxdb.values import decode


def parse_event(raw: RawEvent) -> Event:
    """Parsed anew for each taker: what one does to the values is not seen by another."""
    kind, key, old, new, version, revision = raw
    return Event(
        key,
        None if old is None else decode(old),
        None if new is None else decode(new),
        version,
        OPERATION_OF[kind],
        revision,
    )
