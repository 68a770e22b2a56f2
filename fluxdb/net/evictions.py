"""Log evictions of subscribers that fell behind: one line per turn of the loop, not one per subscriber.

A thousand lines in one turn would take longer than all the rest of evicting them, while others wait.
"""

from __future__ import annotations

import asyncio
import logging

NAMED_MAX = 3  # addresses in a line

logger = logging.getLogger("fluxdb.server")


class Evictions:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._addresses: list[str] = []

    def note(self, address: str) -> None:
        """Count one more, in the loop's thread."""
        if not self._addresses:
            self._loop.call_soon(self._tell)
        self._addresses.append(address)

    def _tell(self) -> None:
        addresses, self._addresses = self._addresses, []
        named = ", ".join(addresses[:NAMED_MAX])
        more = f" and {len(addresses) - NAMED_MAX} more" if len(addresses) > NAMED_MAX else ""
        logger.info("subscribers fell behind and were evicted: %d, of %s%s", len(addresses), named, more)
