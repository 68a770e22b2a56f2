"""Printing events in step with the commands of a script. (As they arrive: ``events_in_turn``.)"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from fluxdb.cli import render
from fluxdb.cli.shell.answers import WORDS, Answers
from fluxdb.cli.text import quote_key
from fluxdb.engine.handle import RawEvent, Subscriber
from fluxdb.errors import FluxDBError

Print = Callable[[str], None]


class EventsInStep:
    """For a pipe to a folder, and ``exec``: a write's event is printed right after its answer, so the same input prints
    the same output.

    The folder has one owner, this process, and a script's commands run one by one: no other events can arrive.
    """

    def __init__(self, output: Print, error: Print, answers: Answers = WORDS) -> None:
        self._answers = answers
        self._print = output
        self._print_error = error
        self._subscribers: dict[str, Subscriber] = {}

    def turn(self) -> AbstractContextManager[None]:
        return nullcontext()

    def start(self, key: str, subscriber: Subscriber) -> None:
        self._subscribers[key] = subscriber

    def stop(self, key: str) -> bool:
        subscriber = self._subscribers.pop(key, None)
        if subscriber is not None:
            subscriber.close()
        return subscriber is not None

    def written(self, key: str, version: int) -> None:
        subscriber = self._subscribers.get(key)
        if subscriber is None:
            return
        try:
            for event in _events(subscriber):
                self._print(self._answers.event(event))
                if event[4] >= version:
                    return
        except FluxDBError as error:
            self._print_error(ended_line(key, error))
        self.stop(key)

    def __contains__(self, key: str) -> bool:
        return key in self._subscribers

    def close(self) -> None:
        for key in list(self._subscribers):
            self.stop(key)


def _events(subscriber: Subscriber) -> Iterator[RawEvent]:
    """Take each event as it arrives. Ends by raising ClosedError or SubscriberEvictedError."""
    while True:
        event = subscriber.take()
        if event is None:
            subscriber.wait(None)
        else:
            yield event


def ended_line(key: str, error: FluxDBError) -> str:
    return render.error(str(error), f"subscription to {quote_key(key)}")
