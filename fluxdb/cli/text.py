"""What was stored or typed, shown so that it can't steer a terminal or pass for something else."""

from __future__ import annotations

import re
from collections.abc import Iterable

import orjson

_WORD = re.compile(r"[^ \t\r\n]+")

# DEL, C1, separators of lines and paragraphs, and what turns the direction of the text around.
_STEERING = "\x7f-\x9f\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069"
_STEERING_IN_JSON = re.compile(f"[{_STEERING}]")
_STEERING_IN_WORDS = re.compile(f"[\x00-\x1f{_STEERING}\ud800-\udfff]")


def escape_text(text: str) -> str:
    """JSON text that says the same, without characters that steer a terminal or turn its text around.

    JSON itself escapes the controls below the space. Outside of strings it has none of the others, so each can become
    its ``\\u`` escape.
    """
    return _STEERING_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def quote_key(key: str) -> str:
    """``key`` as the grammar reads it back: itself where it is one plain word, else a JSON string."""
    if _WORD.fullmatch(key) and key.isprintable() and key[0] not in "\"'" and not key.startswith("--"):
        return key
    return escape_text(orjson.dumps(key).decode())


def short(word: str) -> str:
    """The beginning of a word of the user, quoted."""
    return escape_text(orjson.dumps(word if len(word) <= 40 else word[:40] + "...").decode())


def closest(word: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that was probably meant by ``word``; None if nothing is near."""
    from difflib import get_close_matches  # here, as it is wanted so seldom

    return next(iter(get_close_matches(word[:40], known, n=1)), None)


def one_line(words: str) -> str:
    """``words`` without characters that end a line, steer a terminal, or can't be printed."""
    return _STEERING_IN_WORDS.sub(_escaped, words)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
