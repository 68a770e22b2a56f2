"""Printing events as they arrive, while commands are typed or come through a pipe, and other clients write too."""

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
    """Prints events, and errors that end a subscription."""

    event: Print
    error: Print


class EventsInTurn:
    """For the terminal, and a pipe to a server: events are printed as they arrive, but never in the middle of a
    command.

    A thread per subscription takes them. A write ends with its own event, so the output of a script alone is always in
    the same order; only the events of others may come anywhere in between.
    """

    def __init__(self, output: Print, error: Print, between: Printers | None = None) -> None:
        """``between`` prints between commands if that differs: above the line that is being typed."""
        self._in_turn = Printers(output, error)
        self._between = between or self._in_turn
        self._printing = self._between
        self._turn = threading.Condition()  # its holder prints: a command, or one event
        self._subscribers: dict[str, Subscriber] = {}
        self._threads: list[threading.Thread] = []
        self._reached: dict[str, float] = {}  # by key: the version of the last event since the command began
        self._failure: OSError | None = None  # of printing: the reader of the output went away

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
        """Return when the event was printed, or can't be expected any more. Raises OSError if printing failed."""
        subscriber = self._subscribers.get(key)
        if subscriber is not None:
            self._turn.wait_for(
                lambda: self._subscribers.get(key) is not subscriber or self._reached.get(key, 0) >= version
            )
        self.raise_failure()

    def __contains__(self, key: str) -> bool:
        return key in self._subscribers

    def close(self) -> None:
        """Print outside of any turn."""
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
        """Return False after the last event."""
        if isinstance(told, ConnectionLostError):
            self._printing.error(render.error(str(told)))
            self._reached[key] = math.inf  # the event that a write waits for may be among the missed ones
        elif isinstance(told, FluxDBError):
            self._printing.error(ended_line(key, told))
            return False
        else:
            self._printing.event(WORDS.event(told))
            self._reached[key] = max(told[4], self._reached.get(key, 0))
        return True


def _next(subscriber: Subscriber) -> RawEvent | FluxDBError:
    """Return the next event; or an error that says that events were missed or the subscription ended."""
    while True:
        try:
            event = subscriber.take()
        except FluxDBError as error:
            return error
        if event is not None:
            return event
        subscriber.wait(None)
