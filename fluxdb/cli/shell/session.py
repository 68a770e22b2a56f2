"""Commands in, lines out: the common part of the terminal, pipes, ``exec`` and the client's shell."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from fluxdb.cli.shell import commands
from fluxdb.cli.shell.answers import WORDS, Answers, NoSuchKeyError, value_line
from fluxdb.cli.shell.commands import Command
from fluxdb.cli.shell.recent import RecentKeys
from fluxdb.engine.handle import ANY_VERSION, EngineHandle, Subscriber, Written

Print = Callable[[str], None]


class Events(Protocol):
    """Prints the events of subscribed keys."""

    def turn(self) -> AbstractContextManager[None]:
        """Return a context in which a command runs and prints."""

    def start(self, key: str, subscriber: Subscriber) -> None: ...
    def stop(self, key: str) -> bool:
        """End the subscription to ``key``. False: none exists."""

    def written(self, key: str, version: int) -> None:
        """Note that this session has brought ``key`` to ``version``."""

    def __contains__(self, key: str) -> bool: ...
    def close(self) -> None: ...


class Session:
    """Runs commands on an engine and prints their answers. Closing it ends its subscriptions, not the engine."""

    def __init__(self, engine: EngineHandle, events: Events, output: Print, answers: Answers = WORDS) -> None:
        self._engine = engine
        self._events = events
        self._print = output
        self._answers = answers
        self.recent_keys = RecentKeys()

    def run(self, command: Command) -> bool:
        """Run one command. False: it was EXIT. Raises FluxDBError if the database rejects it."""
        with self._events.turn():
            self._run(command)
        return not isinstance(command, commands.Exit)

    def close(self) -> None:
        self._events.close()

    def _run(self, command: Command) -> None:
        if isinstance(command, (commands.Set, commands.Patch, commands.Delete)):
            self._write(command)
        elif isinstance(command, commands.Get):
            self._get(command)
        elif isinstance(command, commands.Subscribe):
            for key in command.keys:
                self._subscribe(key)
        elif isinstance(command, commands.Unsubscribe):
            for key in command.keys:
                self._print(self._answers.unsubscribed(key, was_subscribed=self._events.stop(key)))
        elif isinstance(command, commands.Checkpoint):
            self._print(self._answers.checkpoint(self._engine.checkpoint()))
        elif isinstance(command, commands.Info):
            self._print(self._answers.info(self._engine.info()))
        elif isinstance(command, commands.Help):
            self._print(self._answers.help(command.topic))

    def _write(self, command: commands.Set | commands.Patch | commands.Delete) -> None:
        if_version = ANY_VERSION if command.if_version is None else command.if_version
        done: Written | None
        if isinstance(command, commands.Set):
            done = self._engine.set(command.key, command.text.encode(), if_version)
        elif isinstance(command, commands.Patch):
            delta = command.text.encode()
            done = self._engine.patch(command.key, delta, if_version, remove_nulls=command.remove_nulls)
        else:
            done = self._engine.delete(command.key, if_version)
        self._print(self._answers.written(done))
        if done is not None:
            self.recent_keys.used(command.key)
            self._events.written(command.key, done[0])

    def _get(self, command: commands.Get) -> None:
        found = self._engine.get_text(command.key)
        if found is not None:
            self.recent_keys.used(command.key)
        elif command.value_only:
            raise NoSuchKeyError(command.key)
        self._print(value_line(found[0]) if found and command.value_only else self._answers.document(found))

    def _subscribe(self, key: str) -> None:
        if key in self._events:
            self._print(self._answers.subscribed(key, is_new=False))
            return
        subscriber = self._engine.subscribe([key])
        self.recent_keys.used(key)
        self._print(self._answers.subscribed(key, is_new=True))
        self._events.start(key, subscriber)
