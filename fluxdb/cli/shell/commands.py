"""The commands of the terminal and of the client's shell: their fields, and the table behind HELP and completion."""

from __future__ import annotations

import re
from typing import NamedTuple

from fluxdb.engine.ranges import ScanRange


class Set(NamedTuple):
    """Store ``text`` (any JSON text) under ``key``. ``if_version`` None: unconditionally."""

    key: str
    text: str
    if_version: int | None = None
    ttl_ms: int = 0  # from the write on; 0: it never expires


class Get(NamedTuple):
    """``value_only``: print only the value; a missing key is then an error. ``path``: a JSON Pointer to one part."""

    key: str
    value_only: bool = False
    path: str = ""


class Delete(NamedTuple):
    key: str
    if_version: int | None = None


class Patch(NamedTuple):
    """Merge ``text`` into the document of ``key``. ``remove_nulls``: a null removes the member (RFC 7396)."""

    key: str
    text: str
    if_version: int | None = None
    remove_nulls: bool = False
    ttl_ms: int = 0  # from the write on; 0: it expires as it did


class Touch(NamedTuple):
    """Let the document expire ``ttl_ms`` from now; 0: never."""

    key: str
    ttl_ms: int = 0
    if_version: int | None = None


class Increment(NamedTuple):
    """Add ``by`` to the number at ``path``, a JSON Pointer; a missing one counts as 0."""

    key: str
    by: int = 1
    path: str = ""
    if_version: int | None = None


class Scan(NamedTuple):
    """Show the documents of a range, or only their keys, in key order."""

    keys: ScanRange
    keys_only: bool = False


class Count(NamedTuple):
    prefix: str = ""


class Batch(NamedTuple):
    """Collect the writes that follow."""


class Check(NamedTuple):
    """A condition of a batch: ``if_version`` (0: the key must not exist), or None: the key must exist."""

    key: str
    if_version: int | None


class Commit(NamedTuple):
    """Write what was collected, all or nothing."""


class Abort(NamedTuple):
    """Forget what was collected."""


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


Write = Set | Patch | Delete | Touch | Increment | Check  # what a batch collects
Command = (
    Write | Get | Scan | Count | Batch | Commit | Abort | Checkpoint | Subscribe | Unsubscribe | Info | Help | Exit
)

IF_VERSION = "--if-version"
LIMIT = "--limit"
AFTER = "--after"
START = "--start"
END = "--end"
REVERSE = "--reverse"
VALUED = frozenset({IF_VERSION, LIMIT, AFTER, START, END})  # the options that take a value
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
    takes_prefix: bool = False  # or none, of the keys

    @property
    def brief(self) -> str:
        """Return the usage without the options."""
        return re.sub(r" \[--[^]]*\]", "", self.usage)


_RANGE = (LIMIT, REVERSE, AFTER, START, END)

_ALL = (
    Syntax(
        "SET",
        "SET [--if-version N] key json [TTL s]",
        "store a document, or overwrite it",
        'SET user {"name": "v", "age": 21}',
        options=(IF_VERSION,),
        takes_key=True,
    ),
    Syntax(
        "GET",
        "GET [--value] key [/path]",
        "show a document, or one part, and its version",
        "GET user",
        options=(VALUE,),
        takes_key=True,
    ),
    Syntax(
        "PATCH",
        "PATCH [--if-version N] [--remove-nulls] key json [TTL s]",
        "merge objects at every depth; others overwrite",
        'PATCH user {"age": 22}',
        options=(IF_VERSION, REMOVE_NULLS),
        takes_key=True,
    ),
    Syntax(
        "DELETE",
        "DELETE [--if-version N] key",
        "delete a document; its versions continue",
        "DELETE user",
        aliases=("DEL",),
        options=(IF_VERSION,),
        takes_key=True,
    ),
    Syntax(
        "TOUCH",
        "TOUCH [--if-version N] key seconds|NEVER",
        "let a document expire, without another change",
        "TOUCH session 1800",
        options=(IF_VERSION,),
        takes_key=True,
    ),
    Syntax(
        "INCREMENT",
        "INCREMENT [--if-version N] key [by] [/path]",
        "add to a number; a missing one counts as 0",
        "INCREMENT user 2 /logins",
        aliases=("INCR",),
        options=(IF_VERSION,),
        takes_key=True,
    ),
    Syntax(
        "KEYS",
        "KEYS [--limit N] [--reverse] [--after key] [--start key] [--end key] [prefix]",
        "list the keys with this prefix, in order",
        "KEYS user:",
        options=_RANGE,
        takes_key=True,
        takes_prefix=True,
    ),
    Syntax(
        "SCAN",
        "SCAN [--limit N] [--reverse] [--after key] [--start key] [--end key] [prefix]",
        "show the documents with this prefix, in key order",
        "SCAN user:",
        options=_RANGE,
        takes_key=True,
        takes_prefix=True,
    ),
    Syntax(
        "COUNT",
        "COUNT [prefix]",
        "count the documents with this prefix",
        "COUNT user:",
        takes_key=True,
        takes_prefix=True,
    ),
    Syntax("BATCH", "BATCH", "collect writes for COMMIT: all of them, or none", "BATCH"),
    Syntax(
        "CHECK",
        "CHECK key N|EXISTS|MISSING",
        "in a batch: only if the key is in this state",
        "CHECK user 3",
        takes_key=True,
    ),
    Syntax("COMMIT", "COMMIT", "write the batch", "COMMIT"),
    Syntax("ABORT", "ABORT", "forget the batch", "ABORT"),
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
        "write a snapshot: the next start is faster",
        "CHECKPOINT",
        aliases=("SNAPSHOT",),
    ),
    Syntax("INFO", "INFO", "keys, disk, memory, uptime; counters and limits", "INFO"),
    Syntax("HELP", "HELP [command]", "this list, or help for one command", "HELP SET"),
    Syntax("EXIT", "EXIT", "leave (so does Ctrl-D)", "EXIT", aliases=("QUIT",)),
)

SYNTAX: dict[str, Syntax] = {syntax.name: syntax for syntax in _ALL}
"""Every command by its name, in the order in which HELP lists them."""

NAMES: dict[str, str] = {word: syntax.name for syntax in _ALL for word in (syntax.name, *syntax.aliases)}
"""Every word that begins a command, and the command's name."""
