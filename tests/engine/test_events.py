"""From raw events to those that their takers get."""

from __future__ import annotations

import json
from typing import Any

from fluxdb._core.events.stream import EventParser
from fluxdb.engine.handle import RawEvent
from fluxdb.model import OPERATION_OF

PLACES = 16  # of events whose values are kept to be copied: those of revisions so far apart share one


def raw_event(key: str, revision: int) -> RawEvent:
    return (1, key, None, json.dumps({"who": key}).encode(), 1, revision, revision)


def test_an_event_taken_while_another_is_parsed_is_told_under_its_own_key() -> None:
    first, second = raw_event("a", PLACES), raw_event("b", 2 * PLACES)
    meanwhile: list[RawEvent] = []
    told: list[str] = []

    def loads(text: bytes) -> Any:
        while meanwhile:  # as another thread, or a finalizer, in the middle of it
            told.append(parser.parse(meanwhile.pop()).key)
        return json.loads(text)

    parser = EventParser(loads, OPERATION_OF)
    told.append(parser.parse(first).key)
    meanwhile.append(second)
    told.append(parser.parse(first).key)
    told += [parser.parse(second).key for _ in range(3)]
    assert told == ["a", "b", "a", "b", "b", "b"]


def test_each_taker_of_an_event_may_change_its_values() -> None:
    parser = EventParser(json.loads, OPERATION_OF)
    raw = raw_event("a", 1)
    for _ in range(4):
        event = parser.parse(raw)
        assert event.new == {"who": "a"}
        event.new["who"] = "changed"
