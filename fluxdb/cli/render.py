"""The terminal's output: answers, events and errors as single lines that can't control a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fluxdb.cli.shell.commands import SYNTAX, Syntax
from fluxdb.cli.text import escape_text, one_line, quote_key

NIL = "nil"
HINT = "HELP lists the commands, TAB completes, Alt-Enter begins a line, Ctrl-D leaves."  # fits 80 columns


def document(text: str, version: int) -> str:
    """Format a document: ``Document { value: {"name":"vaibhav","age":21}, version: 1 }``."""
    return f"Document {{ value: {escape_text(text)}, version: {version} }}"


def written(version: int) -> str:
    return f"ok, version {version}"


def event(op: str, key: str, old: str | None, new: str | None, version: int) -> str:
    """Format an event: ``[event] set user: nil -> {"name":"v"}, version 1``. None means no document."""
    return f"[event] {op} {quote_key(key)}: {_side(old)} -> {_side(new)}, version {version}"


def _side(text: str | None) -> str:
    return NIL if text is None else escape_text(text)


def error(message: str, place: str = "") -> str:
    """Format an error: ``error: ...``, or ``error: line 3: ...``."""
    return one_line(f"error: {place}: {message}" if place else f"error: {message}")


def table(values: Mapping[str, object]) -> Iterator[str]:
    """Format names and values in two columns, followed by the nested mappings under their names.

    Histograms are for machines, and left out.
    """
    rows = list(_rows(values, ""))
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        yield f"{name:<{width}}  {value}".rstrip()


def _rows(values: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in sorted(values.items(), key=lambda item: isinstance(item[1], Mapping)):
        if name.endswith("_histogram"):
            continue
        if isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", cell(value) + _rounded(name, value)


def _rounded(name: str, value: object) -> str:
    """Return a readable form of a large number of bytes or seconds, to follow it."""
    if not isinstance(value, int) or isinstance(value, bool):
        return ""
    if "_bytes" in name and value >= 10 * 1024:
        power = min((value.bit_length() - 1) // 10, 4)
        return f" ({value / 1024**power:.4g} {'KMGT'[power - 1]}iB)"
    if name.endswith("_seconds") and value >= 120:
        minutes = value // 60
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        parts = [(days, "d"), (hours, "h"), (minutes, "min")]
        return f" ({' '.join(f'{count} {unit}' for count, unit in parts if count)})"
    return ""


def cell(value: object) -> str:
    """Format a value of INFO."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return "; ".join(map(cell, value)) or "none"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")  # 10.000 could be read as ten thousand
    return one_line(str(value))


def help_text(topic: str | None) -> Iterator[str]:
    """Return HELP, or HELP of one command."""
    if topic is None:
        yield from _help_all()
    else:
        yield from _help_one(SYNTAX[topic])


def _help_all() -> Iterator[str]:
    width = max(len(syntax.brief) for syntax in SYNTAX.values())
    for syntax in SYNTAX.values():
        yield f"{syntax.brief:<{width}}  {syntax.summary}"
    yield ""
    yield f"For example: {SYNTAX['SET'].example}"
    yield 'A key with spaces is quoted: GET "my key". HELP SET tells more of SET.'


_OPTIONS = {
    "--if-version": "--if-version N  only if the key's version is N (0: only if it does not exist)",
    "--remove-nulls": "--remove-nulls  a null in the delta removes the member (RFC 7396), instead of being stored",
    "--limit": "--limit N  at most so many keys",
    "--reverse": "--reverse  from the last key to the first",
    "--after": "--after key  only keys after this one, in the direction of the scan",
    "--start": "--start key  only this key and those after it",
    "--end": "--end key  only keys before this one",
    "--value": "--value  only the value, as one line of JSON; a missing key is an error",
}


def _help_one(syntax: Syntax) -> Iterator[str]:
    yield f"{syntax.usage}: {syntax.summary}"
    for option in syntax.options:
        yield f"  {_OPTIONS[option]}"
    if syntax.aliases:
        yield f"Also: {', '.join(syntax.aliases)}"
    if " json" in syntax.usage:
        yield "The rest of the line is JSON as typed: strings and member names in double quotes."
        yield "TTL and a number of seconds may follow: then the document expires."
    if "/path" in syntax.usage:
        yield "The path is a JSON Pointer, the rest of the line: /address/city, /tags/0."
    if syntax.takes_key:
        yield 'A key with spaces, or that begins with -- or a quote, is quoted as in JSON ("my key") or by \'.'
    yield f"For example: {syntax.example}"
