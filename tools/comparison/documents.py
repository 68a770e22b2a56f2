"""The documents that every side stores: a 10-byte key, a 37-byte value."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import orjson

KEY_BYTES = 10
VALUE_BYTES = 37

# The size of a 10-byte key and a 37-byte value on disk with a plain record header: the bare side writes this.
RECORD_BYTES = 120

# The writes of a latency or rate figure go round so many keys.
KEYS = 10_000


def key(number: int) -> str:
    """The key of document ``number`` (below 10,000,000)."""
    return f"key{number:07d}"


def value(number: int) -> dict[str, Any]:
    """A value of 37 bytes as compact JSON, other than its neighbours'."""
    return {"id": 100_000 + number % 900_000, "data": "benchmark data"}


def value_50(number: int) -> dict[str, Any]:
    """A value of 50 bytes as compact JSON."""
    return {"id": 100_000 + number % 900_000, "name": "vaibhav", "data": "some words"}


def check_sizes() -> None:
    """Raises ValueError where a document does not have the size that the figures state."""
    for number in (0, 999_999):
        sizes = (len(key(number)), len(orjson.dumps(value(number))), len(orjson.dumps(value_50(number))))
        if sizes != (KEY_BYTES, VALUE_BYTES, 50):
            raise ValueError(f"document {number} has key, value and larger value of {sizes} bytes")


def writes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Endless pairs of key and value over ``KEYS`` keys in a fixed random order."""
    order = list(range(KEYS))
    random.Random(1).shuffle(order)
    pairs = [(key(number), value(number)) for number in order]
    return itertools.cycle(pairs)


def take(pairs: Iterator[tuple[str, dict[str, Any]]], count: int) -> list[tuple[str, dict[str, Any]]]:
    """The next ``count`` pairs, so that making them is not part of what is timed."""
    return list(itertools.islice(pairs, count))
