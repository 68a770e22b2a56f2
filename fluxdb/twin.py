"""The blocking API and the awaited one have the same names: who uses one as the other is told which is which.

Hidden from type checkers, which find such a mistake by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

OPEN_IT = "call fluxdb.open(path), or await fluxdb.aio.open(path)"


class Blocking:
    """Base of what is entered by ``with``."""

    if not TYPE_CHECKING:

        def __aenter__(self):
            raise TypeError("what fluxdb.open gives is entered by `with`; `async with` is for fluxdb.aio.open")

        async def __aexit__(self, *raised):
            """For ``async with``, which looks for both."""


class Awaited:
    """Base of what is entered by ``async with``."""

    if not TYPE_CHECKING:

        def __enter__(self):
            raise TypeError("what fluxdb.aio.open gives is entered by `async with`; `with` is for fluxdb.open")

        def __exit__(self, *raised):
            """For ``with``, which looks for both."""
