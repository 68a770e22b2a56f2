"""Commands in, lines out: the common part of the terminal, pipes, ``exec`` and the client's shell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from fluxdb.cli.shell import commands
from fluxdb.cli.shell.answers import WORDS, Answers, NoSuchKeyError, value_line
from fluxdb.cli.shell.collected import Collected
from fluxdb.cli.shell.commands import Command
from fluxdb.cli.shell.pages import pages
from fluxdb.cli.shell.recent import RecentKeys
from fluxdb.engine.handle import ANY_VERSION, EngineHandle, Subscriber, Written
from fluxdb.engine.ranges import ScanRange
from fluxdb.errors import FluxDBError

Print = Callable[[str], None]
COMPLETED_KEYS_MAX = 50
_WRITES = (commands.Set, commands.Patch, commands.Delete, commands.Touch, commands.Increment)


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
        self.batch = Collected()

    def run(self, command: Command) -> bool:
        """Run one command. False: it was EXIT. Raises FluxDBError if the database rejects it."""
        with self._events.turn():
            self._run(command)
        return not isinstance(command, commands.Exit)

    def stored_keys(self, prefix: str) -> Sequence[str]:
        """Return the first keys of the database that begin with ``prefix``, for completion; none if it can't say."""
        try:
            return self._engine.scan_keys(ScanRange(prefix, limit=COMPLETED_KEYS_MAX)).entries
        except FluxDBError:
            return ()

    def close(self) -> None:
        self._events.close()

    def _run(self, command: Command) -> None:
        if isinstance(command, commands.Check) or (self.batch and isinstance(command, _WRITES)):
            self._print(self._answers.collected(self.batch.add(command)))
        elif isinstance(command, (commands.Set, commands.Patch, commands.Delete, commands.Touch)):
            self._write(command)
        elif isinstance(command, commands.Increment):
            self._increment(command)
        elif isinstance(command, commands.Get):
            self._get(command)
        elif isinstance(command, commands.Scan):
            self._scan(command)
        elif isinstance(command, commands.Count):
            self._print(self._answers.count(self._engine.count(command.prefix)))
        elif isinstance(command, (commands.Batch, commands.Commit, commands.Abort)):
            self._batch(command)
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

    def _write(self, command: commands.Set | commands.Patch | commands.Delete | commands.Touch) -> None:
        if_version = ANY_VERSION if command.if_version is None else command.if_version
        done: Written | None
        if isinstance(command, commands.Set):
            done = self._engine.set(command.key, command.text.encode(), if_version, ttl_ms=command.ttl_ms)
        elif isinstance(command, commands.Patch):
            delta, remove_nulls = command.text.encode(), command.remove_nulls
            done = self._engine.patch(command.key, delta, if_version, remove_nulls=remove_nulls, ttl_ms=command.ttl_ms)
        elif isinstance(command, commands.Touch):
            done = self._engine.touch(command.key, command.ttl_ms, if_version)
        else:
            done = self._engine.delete(command.key, if_version)
        self._print(self._answers.written(done))
        if done is not None:
            self.recent_keys.used(command.key)
            self._events.written(command.key, done[0])

    def _get(self, command: commands.Get) -> None:
        found = self._engine.get_text(command.key, command.path) if command.path else self._engine.get_text(command.key)
        if found is not None:
            self.recent_keys.used(command.key)
        elif command.value_only:
            raise NoSuchKeyError(command.key)
        self._print(value_line(found[0]) if found and command.value_only else self._answers.document(found))

    def _increment(self, command: commands.Increment) -> None:
        if_version = ANY_VERSION if command.if_version is None else command.if_version
        done = self._engine.increment(command.key, command.by, command.path, if_version)
        self._print(self._answers.incremented(done))
        self.recent_keys.used(command.key)
        self._events.written(command.key, done.version)

    def _scan(self, command: commands.Scan) -> None:
        if command.keys_only:
            for keys in pages(self._engine.scan_keys, command.keys):
                self._print_all(self._answers.keys(keys))
        else:
            for page in pages(self._engine.scan_text, command.keys):
                self._print_all(self._answers.page(page))

    def _print_all(self, lines: str) -> None:
        if lines:
            self._print(lines)

    def _batch(self, command: commands.Batch | commands.Commit | commands.Abort) -> None:
        if isinstance(command, commands.Batch):
            self.batch.begin()
            self._print(self._answers.collected(0))
        elif isinstance(command, commands.Abort):
            self._print(self._answers.aborted(len(self.batch.take("ABORT"))))
        else:
            operations = self.batch.take("COMMIT")
            done = self._engine.batch(operations)
            self._print(self._answers.batch_written(done))
            for operation, version in zip(operations, done.versions, strict=True):
                if version is not None:
                    self.recent_keys.used(operation.key)
                    self._events.written(operation.key, version)

    def _subscribe(self, key: str) -> None:
        if key in self._events:
            self._print(self._answers.subscribed(key, is_new=False))
            return
        subscriber = self._engine.subscribe([key])
        self.recent_keys.used(key)
        self._print(self._answers.subscribed(key, is_new=True))
        self._events.start(key, subscriber)
