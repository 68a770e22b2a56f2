"""Completion by TAB: commands, their options, and the keys that this session has used."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from fluxdb.cli.shell.commands import NAMES, SYNTAX
from fluxdb.cli.shell.recent import RecentKeys
from fluxdb.cli.text import quote_key

Stored = Callable[[str], Iterable[str]]


def no_keys(prefix: str) -> Iterable[str]:
    return ()


class CommandCompleter(Completer):
    """Completes the word before the cursor, in the case in which it was begun."""

    def __init__(self, keys: RecentKeys, stored: Stored = no_keys) -> None:
        """``stored`` returns some of the database's keys that begin with a prefix."""
        self._keys = keys
        self._stored = stored

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        words = document.text_before_cursor.lstrip().split(" ")
        typed = words[-1]
        for word, meaning in self._candidates([word for word in words[:-1] if word], typed):
            yield Completion(word + " ", start_position=-len(typed), display=word, display_meta=meaning)

    def _candidates(self, before: list[str], typed: str) -> Iterable[tuple[str, str]]:
        if not before:
            return self._commands(typed)
        name = NAMES.get(before[0].upper())
        if name == "HELP" and len(before) == 1:
            return self._commands(typed)
        if name is None or not SYNTAX[name].takes_key:
            return []
        arguments = before[1:]
        options = [word for word in SYNTAX[name].options if word not in {word.lower() for word in arguments}]
        if typed.startswith("--") and all(word.startswith("--") or word.isdigit() for word in arguments):
            return [(word, "") for word in options if word.startswith(typed.lower())]
        if SYNTAX[name].takes_keys or _expects_key(arguments):
            return [(word, "") for word in self._known_keys(typed)]
        return []

    def _known_keys(self, typed: str) -> Iterable[str]:
        """Those of this session first, the newest first; then those of the database, in their order."""
        recent = [word for word in map(quote_key, self._keys) if word.startswith(typed)]
        prefix = typed.removeprefix('"')
        stored = [] if "\\" in prefix else [quote_key(key) for key in self._stored(prefix)]
        return dict.fromkeys(recent + [word for word in stored if word.startswith(typed)])

    def _commands(self, typed: str) -> Iterable[tuple[str, str]]:
        for word, name in NAMES.items():
            if typed and word.startswith(typed.upper()):
                yield (word.lower() if typed.islower() else word), SYNTAX[name].summary
            elif not typed and word == name:
                yield word, SYNTAX[name].summary


def _expects_key(arguments: list[str]) -> bool:
    """Tell whether the words after the command are all options and their numbers."""
    number_next = False
    for word in arguments:
        if number_next:
            number_next = False
        elif word.startswith("--"):
            number_next = word.lower() == "--if-version"
        else:
            return False
    return not number_next
