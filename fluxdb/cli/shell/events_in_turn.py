"""How events get printed as they come, while commands are typed, or come through a pipe, and others write, too."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from fluxdb.cli import render
from fluxdb.cli.shell.answers import WORDS
from fluxdb.cli.shell.events import Print, ended_line
from fluxdb.engine.handle import RawEvent, Subscriber
from fluxdb.errors import ConnectionLostError, FluxDBError


class Printers(NamedTuple):
    """What prints events, and errors that end a subscription."""

    event: Print
    error: Print


class EventsInTurn:
    """For the terminal, and a pipe to a server: events are printed as they come, but none in the middle of a command.

    A thread a subscription takes them. A write ends with its own event, so what a script does by itself is always
    printed in the same order; only when the events of others come in between is theirs to decide.
    """

    def __init__(self, output: Print, error: Print, between: Printers | None = None) -> None:
        """``between``: prints between commands, where that differs: above the line that is being typed."""
        self._in_turn = Printers(output, error)
        self._between = between or self._in_turn
        self._printing = self._between
        self._turn = threading.Condition()  # who has it prints: a command, or one event
        self._subscribers: dict[str, Subscriber] = {}
        self._threads: list[threading.Thread] = []
        self._reached: dict[str, float] = {}  # by key: the version of the last event since the command began
        self._failure: OSError | None = None  # of printing: nobody reads any more

    @contextmanager
    def turn(self) -> Iterator[None]:
        with self._turn:
            self.raise_failure()
            self._reached.clear()
            self._printing = self._in_turn
            try:
                yield
            finally:
                self._printing = self._between

    def start(self, key: str, subscriber: Subscriber) -> None:
        thread = threading.Thread(target=self._follow, args=(key, subscriber), name="fluxdb-events", daemon=True)
        self._threads = [*(other for other in self._threads if other.is_alive()), thread]
        self._subscribers[key] = subscriber
        thread.start()

    def stop(self, key: str) -> bool:
        subscriber = self._subscribers.pop(key, None)
        if subscriber is not None:
            subscriber.close()
        return subscriber is not None

    def written(self, key: str, version: int) -> None:
        """Return when the event was printed, or can't be expected any more. Raises OSError where printing failed."""
        subscriber = self._subscribers.get(key)
        if subscriber is not None:
            self._turn.wait_for(
                lambda: self._subscribers.get(key) is not subscriber or self._reached.get(key, 0) >= version
            )
        self.raise_failure()

    def __contains__(self, key: str) -> bool:
        return key in self._subscribers

    def close(self) -> None:
        """Outside of any turn."""
        with self._turn:
            for key in list(self._subscribers):
                self.stop(key)
        for thread in self._threads:
            thread.join()

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _follow(self, key: str, subscriber: Subscriber) -> None:
        lasts = True
        while lasts:
            told = _next(subscriber)
            with self._turn:
                if self._subscribers.get(key) is not subscriber:
                    return
                try:
                    lasts = self._tell(key, told)
                except OSError as error:
                    self._failure, lasts = error, False
                if not lasts:
                    self.stop(key)
                self._turn.notify_all()

    def _tell(self, key: str, told: RawEvent | FluxDBError) -> bool:
        """False: no more comes."""
        if isinstance(told, ConnectionLostError):
            self._printing.error(render.error(str(told)))
            self._reached[key] = math.inf  # what a write waits for may be among those that were missed
        elif isinstance(told, FluxDBError):
            self._printing.error(ended_line(key, told))
            return False
        else:
            self._printing.event(WORDS.event(told))
            self._reached[key] = max(told[4], self._reached.get(key, 0))
        return True


def _next(subscriber: Subscriber) -> RawEvent | FluxDBError:
    """The next event; an error where it says that some were missed, or that it has ended."""
    while True:
        try:
            event = subscriber.take()
        except FluxDBError as error:
            return error
        if event is not None:
            return event
        subscriber.wait(None)
