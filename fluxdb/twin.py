"""Errors for code that mixes up the blocking API and the awaited one, which have the same names.

Hidden from type checkers, which find such mistakes by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

OPEN_IT = "call fluxdb.open(path), or await fluxdb.aio.open(path)"


class Blocking:
    """Base class of objects for ``with``."""

    if not TYPE_CHECKING:

        def __aenter__(self):
            raise TypeError("fluxdb.open is for `with`; `async with` is for fluxdb.aio.open")

        async def __aexit__(self, *raised):
            """Exist for ``async with``, which looks up both methods."""


class Awaited:
    """Base class of objects for ``async with``."""

    if not TYPE_CHECKING:

        def __enter__(self):
            raise TypeError("fluxdb.aio.open is for `async with`; `with` is for fluxdb.open")

        def __exit__(self, *raised):
            """Exist for ``with``, which looks up both methods."""
