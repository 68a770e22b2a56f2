"""How events get printed: in step with the commands of a script, or as they come while somebody types.

Both for a pipe to a server: ``events_in_turn``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from fluxdb.cli import render
from fluxdb.cli.answers import WORDS, Answers
from fluxdb.cli.text import quote_key
from fluxdb.engine.handle import RawEvent, Subscriber
from fluxdb.errors import ClosedError, ConnectionLostError, FluxDBError

Print = Callable[[str], None]


class EventsInStep:
    """For a pipe to a folder, and ``exec``: a write's event is printed right behind its answer, so the same input
    prints the same.

    The folder has one owner, this process, and a script's commands run one by one: no other events can come.
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


class EventsLive:
    """For the terminal: a thread a subscription prints its events as they come."""

    def __init__(self, output: Print, error: Print) -> None:
        self._print = output
        self._print_error = error
        self._lock = threading.Lock()
        self._subscribers: dict[str, tuple[Subscriber, threading.Thread]] = {}

    def turn(self) -> AbstractContextManager[None]:
        return nullcontext()

    def start(self, key: str, subscriber: Subscriber) -> None:
        thread = threading.Thread(target=self._follow, args=(key, subscriber), name="fluxdb-events", daemon=True)
        with self._lock:
            self._subscribers[key] = subscriber, thread
        thread.start()

    def stop(self, key: str) -> bool:
        with self._lock:
            found = self._subscribers.pop(key, None)
        if found is None:
            return False
        subscriber, thread = found
        subscriber.close()
        if thread is not threading.current_thread():
            thread.join()
        return True

    def written(self, key: str, version: int) -> None:
        """Nothing: the event comes by itself."""

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key in self._subscribers

    def close(self) -> None:
        with self._lock:
            keys = list(self._subscribers)
        for key in keys:
            self.stop(key)

    def _follow(self, key: str, subscriber: Subscriber) -> None:
        try:
            while True:
                self._print_events(subscriber)
        except ClosedError:
            pass
        except FluxDBError as error:
            self.stop(key)
            self._print_error(ended_line(key, error))

    def _print_events(self, subscriber: Subscriber) -> None:
        """Return where a remote one has said that some may have been missed: it goes on by itself."""
        try:
            for event in _events(subscriber):
                self._print(WORDS.event(event))
        except ConnectionLostError as error:
            self._print_error(render.error(str(error)))


def _events(subscriber: Subscriber) -> Iterator[RawEvent]:
    """Each event as it comes. Ends by raising: ClosedError, SubscriberEvictedError."""
    while True:
        event = subscriber.take()
        if event is None:
            subscriber.wait(None)
        else:
            yield event


def ended_line(key: str, error: FluxDBError) -> str:
    return render.error(str(error), f"subscription to {quote_key(key)}")
