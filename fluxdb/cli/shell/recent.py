"""The keys that a session has used, newest first, bounded."""

from __future__ import annotations

from collections.abc import Iterator

KEYS_MAX = 1_000


class RecentKeys:
    """Keys in the order of their last use."""

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._keys: dict[str, None] = {}
        self._keys_max = keys_max

    def used(self, key: str) -> None:
        """Note that ``key`` was just used."""
        self._keys.pop(key, None)
        self._keys[key] = None
        if len(self._keys) > self._keys_max:
            del self._keys[next(iter(self._keys))]

    def __iter__(self) -> Iterator[str]:
        return reversed(list(self._keys))
