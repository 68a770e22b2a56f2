"""The commands of the terminal and of the client's shell: their fields, and the table behind HELP and completion."""

from __future__ import annotations

import re
from typing import NamedTuple


class Set(NamedTuple):
    """Store ``text`` (any JSON text) under ``key``. ``if_version`` None: unconditionally."""

    key: str
    text: str
    if_version: int | None = None


class Get(NamedTuple):
    """``value_only``: print only the value; a missing key is then an error."""

    key: str
    value_only: bool = False


class Delete(NamedTuple):
    key: str
    if_version: int | None = None


class Patch(NamedTuple):
    """Merge ``text`` into the document of ``key``. ``remove_nulls``: a null removes the member (RFC 7396)."""

    key: str
    text: str
    if_version: int | None = None
    remove_nulls: bool = False


class Checkpoint(NamedTuple):
    pass


class Subscribe(NamedTuple):
    keys: tuple[str, ...]


class Unsubscribe(NamedTuple):
    keys: tuple[str, ...]


class Info(NamedTuple):
    pass


class Help(NamedTuple):
    topic: str | None = None  # the name of a command, as in SYNTAX


class Exit(NamedTuple):
    pass


Command = Set | Get | Delete | Patch | Checkpoint | Subscribe | Unsubscribe | Info | Help | Exit

IF_VERSION = "--if-version"
REMOVE_NULLS = "--remove-nulls"
VALUE = "--value"


class Syntax(NamedTuple):
    """How a command is written, with the text that explains it."""

    name: str
    usage: str
    summary: str
    example: str
    aliases: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    takes_key: bool = False
    takes_keys: bool = False  # one or more

    @property
    def brief(self) -> str:
        """Return the usage without the options."""
        return re.sub(r" \[--[^]]*\]", "", self.usage)


_ALL = (
    Syntax(
        "SET",
        "SET [--if-version N] key json",
        "store a document, or overwrite it",
        'SET user {"name": "v", "age": 21}',
        options=(IF_VERSION,),
        takes_key=True,
    ),
    Syntax(
        "GET",
        "GET [--value] key",
        "show a document and its version, or nil",
        "GET user",
        options=(VALUE,),
        takes_key=True,
    ),
    Syntax(
        "PATCH",
        "PATCH [--if-version N] [--remove-nulls] key json",
        "merge objects at every depth; anything else overwrites",
        'PATCH user {"age": 22}',
        options=(IF_VERSION, REMOVE_NULLS),
        takes_key=True,
    ),
    Syntax(
        "DELETE",
        "DELETE [--if-version N] key",
        "delete a document; its versions continue where they stopped",
        "DELETE user",
        aliases=("DEL",),
        options=(IF_VERSION,),
        takes_key=True,
    ),
    Syntax(
        "SUBSCRIBE",
        "SUBSCRIBE key...",
        "show each change of these keys as it happens",
        "SUBSCRIBE user counter",
        takes_key=True,
        takes_keys=True,
    ),
    Syntax(
        "UNSUBSCRIBE",
        "UNSUBSCRIBE key...",
        "stop showing changes",
        "UNSUBSCRIBE user",
        takes_key=True,
        takes_keys=True,
    ),
    Syntax(
        "CHECKPOINT",
        "CHECKPOINT",
        "write a snapshot: the next start has less log to read",
        "CHECKPOINT",
        aliases=("SNAPSHOT",),
    ),
    Syntax("INFO", "INFO", "keys, disk, memory, uptime; then counters and limits", "INFO"),
    Syntax("HELP", "HELP [command]", "this list, or help for one command", "HELP SET"),
    Syntax("EXIT", "EXIT", "leave (so does Ctrl-D)", "EXIT", aliases=("QUIT",)),
)

SYNTAX: dict[str, Syntax] = {syntax.name: syntax for syntax in _ALL}
"""Every command by its name, in the order in which HELP lists them."""

NAMES: dict[str, str] = {word: syntax.name for syntax in _ALL for word in (syntax.name, *syntax.aliases)}
"""Every word that begins a command, and the command's name."""
