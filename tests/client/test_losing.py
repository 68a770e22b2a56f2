"""A connection that ends at an awkward moment: callers and subscribers are told the truth, each his own."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from fluxdb import ClosedError, ConnectionLostError, Limits
from fluxdb.client.subscriber import RemoteSubscriber
from fluxdb.model import Kind

GREETED = b'{"kind":"value","doc":null,"id":1}\n'


class TakenFrom(deque[object]):
    """Somebody takes the last item between a look at the length and one at it."""

    def __getitem__(self, index: Any) -> Any:
        self.clear()
        raise IndexError


def subscriber(*keys: str) -> RemoteSubscriber:
    return RemoteSubscriber(keys or ["k"], Limits(), lambda subscriber: None)


def test_a_loss_is_told_while_the_last_event_is_being_taken() -> None:
    slow = subscriber()
    slow.active["k"] = 0
    slow._queue = TakenFrom([(int(Kind.SET), "k", None, b"1", 1, 1)])  # type: ignore[assignment]
    slow.interrupt(ConnectionLostError("lost"))
    with pytest.raises(ConnectionLostError):
        slow.take()


class FilledLate(deque[object]):
    def __init__(self, filled: RemoteSubscriber) -> None:
        super().__init__()
        self._filled = filled

    def popleft(self) -> object:
        if not self and self._filled._end is None:
            self._filled.push((int(Kind.SET), "k", None, b"1", 1, 1))
            self._filled.tell()
            self._filled.end(ClosedError("closed"))
            raise IndexError
        return super().popleft()


def test_events_that_come_with_the_end_are_taken_before_it() -> None:
    last = subscriber()
    last.active["k"] = 0
    last._queue = FilledLate(last)  # type: ignore[assignment]
    assert last.take() is None
    assert last.has_news
    event = last.take()
    assert event is not None
    assert event[5] == 1
    with pytest.raises(ClosedError):
        last.take()
