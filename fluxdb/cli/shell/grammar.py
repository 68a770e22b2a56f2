"""The grammar of terminal, pipes and the client's shell: from one line of text to one command, without any I/O.

    line    = [ command ] | "#" anything
    command = name { option } [ key [ json [ "TTL" seconds ] | path | by [ path ] | state | seconds | "NEVER" ]
                              | key { key } ]
    option  = ( "--if-version" | "--limit" ) is number | ( "--after" | "--start" | "--end" ) is key
            | "--remove-nulls" | "--value" | "--reverse"
    is      = " " | "="
    by      = a whole number, with a sign or without
    path    = "/" anything: a JSON Pointer
    state   = number | "EXISTS" | "MISSING"
    key     = word | '"' JSON string '"' | "'" the same with ' instead of " "'"

Names are accepted in any case. A word ends at the next space. Options come before the key, so that everything after the
key is JSON as typed, spaces and all; a key that begins with ``--`` or a quote has to be quoted.
"""

from __future__ import annotations

import re

import orjson

from fluxdb._core.documents.documents import NUMBER_MAX
from fluxdb.cli.shell import commands
from fluxdb.cli.shell.commands import IF_VERSION, LIMIT, NAMES, SYNTAX, VALUED, Command, Syntax
from fluxdb.cli.text import closest, short
from fluxdb.engine.ranges import ScanRange

TTL_SECONDS_MAX = 3_155_760_000  # 100 years

_OPTIONS_FIRST = "options come before the key"
_SPACE = " \t\r\n"
_SPACES = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"[^ \t\r\n]+")
_TTL = re.compile(r"[ \t\r\n]TTL[ \t]+([^ \t\r\n\"]+)\Z", re.IGNORECASE)
_SECONDS = re.compile(r"\d{1,10}(\.\d{1,9})?")
_WHOLE_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_NUMBER = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)  # not JSON, though many languages write it
_QUOTED = {'"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL), "'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)}
_INSIDE_SINGLE = re.compile(r'\\.|"', re.DOTALL)


class GrammarError(Exception):
    """The line is not a command. ``column`` (from 1) is where that was noticed; ``example`` is a valid line."""

    def __init__(self, reason: str, column: int, example: str | None = None) -> None:
        super().__init__(f"column {column}: {reason}" + (f", for example: {example}" if example else ""))
        self.reason = reason
        self.column = column
        self.example = example


class UnfinishedJsonError(GrammarError):
    """The JSON is valid so far, and an object or an array is still open."""


def parse(line: str) -> Command | None:
    """Return the command in ``line``; None if it is empty or a comment. Raises GrammarError."""
    line = line.rstrip(_SPACE)
    start = _skip_spaces(line, 0)
    if start == len(line) or line[start] == "#":
        return None
    surrogate = _SURROGATE.search(line)
    if surrogate is not None:
        raise GrammarError("this is not valid UTF-8", surrogate.start() + 1)
    word = _match(_WORD, line, start)
    name = NAMES.get(word.upper())
    if name is None:
        raise GrammarError(_no_command(word), start + 1)
    return _Line(line, start + len(word), SYNTAX[name]).command()


def split_statements(text: str) -> list[str]:
    """Split a text of several lines, such as a pasted one, into commands: each begins at a line that begins with its
    name.

    Other lines continue the JSON of the command before them. Empty lines and comments are left out.
    """
    statements: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        word = _match(_WORD, line, _skip_spaces(line, 0))
        if not word or word.startswith("#"):
            continue
        if word.upper() in NAMES or not statements:
            statements.append(line)
        else:
            statements[-1] += "\n" + line
    return statements


def is_unfinished(text: str) -> bool:
    """Tell whether the last command of ``text`` ends inside an object or an array, so that more lines may follow.

    Not after an empty line, nor inside a string, which can't continue on the next line.
    """
    statements = split_statements(text)
    if not statements or text.rstrip(" \t").endswith("\n"):
        return False
    try:
        parse(statements[-1])
    except UnfinishedJsonError:
        return True
    except GrammarError:
        pass
    return False


class _Line:
    """The unread rest of one line. The methods take the parts in their order."""

    def __init__(self, line: str, position: int, syntax: Syntax) -> None:
        self.line = line
        self.position = _skip_spaces(line, position)
        self.syntax = syntax
        self.if_version: int | None = None
        self.limit: int | None = None
        self.bounds: dict[str, str] = {}  # of a range: its keys, by their options
        self.switches: set[str] = set()  # the options that take no value

    def command(self) -> Command:
        self.options()
        name = self.syntax.name
        if name == "SET":
            key, (text, ttl_ms) = self.key(), self.json_and_ttl()
            return commands.Set(key, text, self.if_version, ttl_ms)
        if name == "PATCH":
            key, (text, ttl_ms) = self.key(), self.json_and_ttl()
            return commands.Patch(key, text, self.if_version, commands.REMOVE_NULLS in self.switches, ttl_ms)
        if name == "TOUCH":
            return self.end(commands.Touch(self.key(), self.expiry(), self.if_version))
        if name == "DELETE":
            return self.end(commands.Delete(self.key(), self.if_version))
        if name == "GET":
            return commands.Get(self.key(), commands.VALUE in self.switches, self.path())
        if name == "INCREMENT":
            return commands.Increment(self.key(), self.by(), self.path(), self.if_version)
        if name in ("KEYS", "SCAN"):
            return self.end(commands.Scan(self.range(), keys_only=name == "KEYS"))
        if name == "COUNT":
            return self.end(commands.Count(self.prefix()))
        if name == "CHECK":
            return self.end(commands.Check(self.key(), self.state()))
        if name == "SUBSCRIBE":
            return commands.Subscribe(self.keys())
        if name == "UNSUBSCRIBE":
            return commands.Unsubscribe(self.keys())
        if name == "HELP":
            return self.end(commands.Help(self.topic()))
        plain: dict[str, Command] = {
            "BATCH": commands.Batch(),
            "COMMIT": commands.Commit(),
            "ABORT": commands.Abort(),
            "CHECKPOINT": commands.Checkpoint(),
            "INFO": commands.Info(),
            "EXIT": commands.Exit(),
        }
        return self.end(plain[name])

    def options(self) -> None:
        while self.line.startswith("--", self.position) and self.syntax.takes_key:
            word = _match(_WORD, self.line, self.position)
            option, equals, _ = word.partition("=")
            name = option.lower()
            if name not in self.syntax.options or (equals and name not in VALUED):
                known = " or ".join(self.syntax.options) or "no option"
                raise self.error(f"{short(word)}: {self.syntax.name} takes {known} (quote a key that begins with --)")
            if name not in VALUED:
                self.switches.add(name)
                self.advance(len(word))
                continue
            self.advance(len(option) + len(equals))
            if name == IF_VERSION:
                self.if_version = self.number("a version", "0: the key must not exist", 0)
            elif name == LIMIT:
                self.limit = self.number("a number of keys", "from 1", 1)
            else:
                self.bounds[name] = self.key()

    def number(self, what: str, note: str, least: int) -> int:
        """Take the value of an option."""
        word = _match(_WORD, self.line, self.position)
        if not (_is_number(word) and int(word) >= least):
            option = IF_VERSION if what == "a version" else LIMIT
            raise self.error(
                f"expected {what} after {option}, a whole number ({note})", example=self.example_with_option()
            )
        self.advance(len(word))
        return int(word)

    def range(self) -> ScanRange:
        start, end, after = (self.bounds.get(name) for name in (commands.START, commands.END, commands.AFTER))
        return ScanRange(self.prefix(), start, end, after, self.limit, commands.REVERSE in self.switches)

    def prefix(self) -> str:
        return self.key() if self.position < len(self.line) else ""

    def by(self) -> int:
        """Take what is added, if it is there."""
        word = _match(_WORD, self.line, self.position)
        if not word or word.startswith("/"):
            return 1
        if not (_is_number(word.lstrip("+-")) and len(word) - len(word.lstrip("+-")) <= 1):
            raise self.error("expected a whole number of 64 bits, or a path that begins with /")
        self.advance(len(word))
        return int(word)

    def path(self) -> str:
        """Take the rest of the line as a JSON Pointer, if there is any."""
        rest = self.line[self.position :]
        if rest and not rest.startswith("/"):
            if self.line.startswith("--", self.position) and self.syntax.options:
                raise self.error(_OPTIONS_FIRST, example=self.example_with_option())
            raise self.error("expected a path that begins with /, or nothing more (quote a key with spaces)")
        return rest

    def state(self) -> int | None:
        word = _match(_WORD, self.line, self.position)
        states = {"EXISTS": None, "MISSING": 0}
        if not (_is_number(word) or word.upper() in states):
            raise self.error("expected a version, EXISTS or MISSING")
        self.advance(len(word))
        return int(word) if _is_number(word) else states[word.upper()]

    def key(self) -> str:
        if self.position == len(self.line):
            raise self.error("expected a key")
        if self.line[self.position] in _QUOTED:
            return self.quoted_key()
        word = _match(_WORD, self.line, self.position)
        self.advance(len(word))
        return word

    def keys(self) -> tuple[str, ...]:
        """Take one or more keys, each once."""
        keys = [self.key()]
        while self.position < len(self.line):
            keys.append(self.key())
        return tuple(dict.fromkeys(keys))

    def quoted_key(self) -> str:
        quote = self.line[self.position]
        match = _QUOTED[quote].match(self.line, self.position)
        if match is None:
            raise self.error(f"the quoted key does not end, expected another {quote}")
        body = match[1] if quote == '"' else _INSIDE_SINGLE.sub(_double_quoted, match[1])
        try:
            key = orjson.loads(f'"{body}"')
        except orjson.JSONDecodeError as error:
            raise self.error(f"the quoted key is not a JSON string ({error.msg})") from None
        if match.end() < len(self.line) and self.line[match.end()] not in _SPACE:
            self.position = match.end()
            raise self.error("expected a space after the quoted key")
        self.advance(match.end() - match.start())
        return str(key)

    def json(self) -> str:
        text = self.line[self.position :]
        if not text:
            raise self.error("expected JSON after the key")
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as error:
            # Right at the error, or one before it if its first - was taken for a sign.
            place = text.find("--", max(error.pos - 1, 0), error.pos + 2)
            if place >= 0 and text[place - 1 : place].strip(_SPACE) == "":
                self.position += place
                raise self.error(_OPTIONS_FIRST, example=self.example_with_option()) from None
            self.position += min(error.pos, len(text))
            is_open = error.pos >= len(text) and text[0] in "{[" and '"' not in _WHOLE_STRING.sub("", text)
            raise self.error(_json_reason(text, error), kind=UnfinishedJsonError if is_open else GrammarError) from None
        return text

    def json_and_ttl(self) -> tuple[str, int]:
        """Take JSON, and TTL with a number of seconds after it, which no JSON ends with; 0 without."""
        found = _TTL.search(self.line, self.position)
        if found is None:
            return self.json(), 0
        whole = self.line
        self.line = whole[: found.start()]
        text = self.json()
        self.line, self.position = whole, found.start(1)
        return text, self.milliseconds("after TTL")

    def expiry(self) -> int:
        if _match(_WORD, self.line, self.position).upper() == "NEVER":
            self.advance(len("NEVER"))
            return 0
        return self.milliseconds("or NEVER")

    def milliseconds(self, where: str) -> int:
        word = _match(_WORD, self.line, self.position)
        seconds = float(word) if _SECONDS.fullmatch(word) else 0.0
        if not 0.001 <= seconds <= TTL_SECONDS_MAX:
            raise self.error(f"expected seconds {where}, from 0.001 to {TTL_SECONDS_MAX} (100 years)")
        self.advance(len(word))
        return round(seconds * 1000)

    def topic(self) -> str | None:
        word = _match(_WORD, self.line, self.position)
        if not word:
            return None
        name = NAMES.get(word.upper())
        if name is None:
            raise GrammarError(_no_command(word), self.position + 1)
        self.advance(len(word))
        return name

    def end(self, command: Command) -> Command:
        if self.position == len(self.line):
            return command
        if self.line.startswith("--", self.position) and self.syntax.options:
            raise self.error(_OPTIONS_FIRST, example=self.example_with_option())
        more = " (quote a key with spaces)" if self.syntax.takes_key else ""
        raise self.error(f"expected nothing more{more}")

    def example_with_option(self) -> str:
        option = self.syntax.options[0]
        written = f"{option} 3" if option in (IF_VERSION, LIMIT) else option
        return f"{self.syntax.name} {written} {self.syntax.example.partition(' ')[2]}"

    def advance(self, count: int) -> None:
        self.position = _skip_spaces(self.line, self.position + count)

    def error(
        self, reason: str, *, example: str | None = None, kind: type[GrammarError] = GrammarError
    ) -> GrammarError:
        return kind(reason, self.position + 1, example or self.syntax.example)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 20 and int(word) <= NUMBER_MAX


def _skip_spaces(line: str, position: int) -> int:
    match = _SPACES.match(line, position)
    return match.end() if match else position


def _match(pattern: re.Pattern[str], line: str, position: int) -> str:
    match = pattern.match(line, position)
    return match[0] if match else ""


def _double_quoted(match: re.Match[str]) -> str:
    r"""Read text inside single quotes: ``\'`` is a plain quote, and ``"`` needs no backslash."""
    return {"\\'": "'", '"': '\\"'}.get(match[0], match[0])


def json_problem(text: str) -> str:
    """Return why ``text`` is not JSON; "" if it is."""
    if not text:
        return "expected JSON, not an empty argument"
    if _SURROGATE.search(text):
        return "this is not valid UTF-8"
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return f"{_json_reason(text, error)}, at character {error.pos + 1}"
    return ""


def lacks_quotes(text: str) -> bool:
    """Tell whether a shell probably removed the quotes of a text that is not JSON."""
    return (
        not _NO_NUMBER.fullmatch(text) and re.search("[\"']", text) is None and re.search(r"[^\W\d]", text) is not None
    )


def _json_reason(text: str, error: orjson.JSONDecodeError) -> str:
    if _NO_NUMBER.fullmatch(text):
        return f"{text} is not a JSON number"
    if error.pos == 0 and (text[0] == "'" or text[0].isalpha()):
        return "expected JSON after the key (a string needs double quotes)"
    return f"this is not valid JSON ({error.msg})"


def _no_command(word: str) -> str:
    close = closest(word.upper(), NAMES)
    meant = f"did you mean {close}? " if close else ""
    return f"{short(word)} is not a command, {meant}HELP lists them"
