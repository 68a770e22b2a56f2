"""From an event as the engine hands it out to one that is its taker's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fluxdb._core.events import EventParser
from fluxdb._core.model import Event
from fluxdb.engine.handle import RawEvent
from fluxdb.model import OPERATION_OF
from fluxdb.values import decode

PARSER: Final = EventParser(decode, OPERATION_OF)

# For each taker values of his own: what one does to them is not seen by another.
parse_event: Callable[[RawEvent], Event] = PARSER.parse
