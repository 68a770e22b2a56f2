"""Variables of the environment with names similar to our settings: a misspelt one would be ignored silently."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

PREFIX: Final = "FLUXDB_"
FLAGS_ONLY: Final = frozenset(("HELP", "PRINT_CONFIG", "VERSION"))  # options that the environment doesn't set
# Those, and the ones that our other programs and the build read.
OTHERS: Final = FLAGS_ONLY | {"ADDR", "DEBUG", "HISTORY", "ONLY", "SANITIZE", "TRACEBACK", "VENV", "WERROR"}
CLOSENESS: Final = 0.65  # of difflib: "DATA" and "DATA_DIR" are this close
# Kubernetes gives each pod variables for each service of its namespace: here for one named fluxdb, or fluxdb-something.
_OF_KUBERNETES: Final = re.compile(r"(?:.*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)")
_ADDRESS_OF_KUBERNETES: Final = re.compile(r"(?:tcp|udp|sctp)://")


def misspelt(
    environment: Mapping[str, str], settings: Iterable[str], others: Iterable[str] = ()
) -> Iterator[tuple[str, str]]:
    """Return the variables that look like one of ``settings`` but are not, each with the variable that may be meant.

    ``others``: settings of another program that shares the environment. Both by their names, as ``data_dir``.
    """
    wanted = [name.upper() for name in settings if name.upper() not in FLAGS_ONLY]
    known = {*wanted, *OTHERS, *map(str.upper, others)}
    for variable, value in sorted(environment.items()):
        name = variable.removeprefix(PREFIX)
        if name == variable or name in known:
            continue
        if _OF_KUBERNETES.fullmatch(name) or _ADDRESS_OF_KUBERNETES.match(value):
            continue
        near = difflib.get_close_matches(name.upper(), wanted, n=1, cutoff=CLOSENESS)
        if near:
            yield variable, PREFIX + near[0]


def warnings(found: Iterable[tuple[str, str]]) -> list[str]:
    """Format what ``misspelt`` found."""
    return [f"{variable} is not a setting and is ignored: did you mean {meant}?" for variable, meant in found]
