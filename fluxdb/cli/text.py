"""Stored or typed text, shown so that it can't control a terminal or pass for something else."""

from __future__ import annotations

import re
from collections.abc import Iterable

import orjson

_WORD = re.compile(r"[^ \t\r\n]+")

# DEL, C1, separators of lines and paragraphs, and characters that turn the direction of the text around.
_STEERING = "\x7f-\x9f\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069"
_STEERING_IN_JSON = re.compile(f"[{_STEERING}]")
_STEERING_IN_WORDS = re.compile(f"[\x00-\x1f{_STEERING}\ud800-\udfff]")


def escape_text(text: str) -> str:
    """Return equivalent JSON text without characters that control a terminal or turn its text around.

    JSON itself escapes the controls below the space. The others occur only inside strings, so each can become its
    ``\\u`` escape.
    """
    return _STEERING_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def quote_key(key: str) -> str:
    """Return ``key`` as the grammar reads it back: unchanged if it is one plain word, otherwise as a JSON string."""
    if _WORD.fullmatch(key) and key.isprintable() and key[0] not in "\"'" and not key.startswith("--"):
        return key
    return escape_text(orjson.dumps(key).decode())


def short(word: str) -> str:
    """Return the beginning of a user's word, quoted."""
    return escape_text(orjson.dumps(word if len(word) <= 40 else word[:40] + "...").decode())


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of ``known`` that ``word`` probably means; None if none is near."""
    from difflib import get_close_matches  # imported here, because it is rarely needed

    return next(iter(get_close_matches(word[:40], known, n=1)), None)


def one_line(words: str) -> str:
    """Escape characters of ``words`` that end a line, control a terminal, or can't be printed."""
    return _STEERING_IN_WORDS.sub(_escaped, words)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
