"""Keys of documents: a str, or a subclass of str, which counts as its text."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from fluxdb.errors import InvalidKeyError


def key_text(key: object) -> str:
    """Return the key as a plain str. Raises InvalidKeyError if it is not one."""
    if type(key) is str:
        return key
    if not isinstance(key, str):
        raise InvalidKeyError(f"a key must be a str, not {type(key).__qualname__}")
    return str.__str__(key)  # str(...) of an Enum would be the name of its member


def keys_to_watch(keys: Sequence[object]) -> tuple[str, ...]:
    """Return each key once. Raises InvalidKeyError; ValueError without any key."""
    for key in keys:
        if isinstance(key, (list, tuple, set, frozenset, dict)):
            kind = type(key).__qualname__
            raise InvalidKeyError(f"a key must be a str, not {kind}: to watch the keys in it, subscribe(*keys)")
    unique = tuple(dict.fromkeys(map(key_text, keys)))
    if not unique:
        raise ValueError("subscribe to at least one key")
    return unique


def star_note(key: str) -> str | None:
    """Return a note about a key that looks like a pattern but is not one; None for other keys."""
    if not key.endswith("*"):
        return None
    return f"{key!r} names one key: a * is an ordinary character, so no other key is watched"


def warn_of_stars(keys: Sequence[object]) -> None:
    """Warn on behalf of the caller's caller."""
    for key in keys:
        note = star_note(key) if isinstance(key, str) else None
        if note is not None:
            warnings.warn(note, stacklevel=3)
