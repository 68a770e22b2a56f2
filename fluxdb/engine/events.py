"""Turning an event of the engine into one that belongs to its taker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import orjson

from fluxdb._core.base.model import Event
from fluxdb._core.events.stream import EventParser
from fluxdb.engine.handle import RawEvent
from fluxdb.model import OPERATION_OF

PARSER: Final = EventParser(orjson.loads, OPERATION_OF)

# Every taker gets its own values: changing them does not affect another.
parse_event: Callable[[RawEvent], Event] = PARSER.parse
