"""A warning for environment variables that look like those of a program with few: the terminal and the client."""

from __future__ import annotations

import logging
import os

from fluxdb.cli.server.environment import OTHERS, PREFIX, misspelt, warnings

logger = logging.getLogger("fluxdb.cli")


def warn_of_misspelt(*own: str) -> None:
    """``own``: the program's settings, as ``data_dir``. Variables of a server in the same environment are ignored."""
    names = {name.removeprefix(PREFIX) for name in os.environ if name.startswith(PREFIX)}
    if names <= {*OTHERS, *map(str.upper, own)}:
        return
    from fluxdb.cli.server.main import main as server  # imported here, because it takes a while and is rarely needed

    settings = [str(option.name) for option in server.params]
    for warning in warnings(misspelt(os.environ, own, [*settings, "password"])):
        logger.warning("%s", warning)
