"""What the environment holds by names like those of our settings: a misspelt one would be ignored without a word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

PREFIX: Final = "FLUXDB_"
PASSWORD: Final = "PASSWORD"
# Of other programs of ours, of the build, and of options that are for the command line only.
OTHERS: Final = frozenset(
    ("ADDR", "DEBUG", "HELP", "HISTORY", "ONLY", "PRINT_CONFIG", "SANITIZE", "TRACEBACK", "VENV", "VERSION", "WERROR")
)
CLOSENESS: Final = 0.65  # of difflib: "DATA" and "DATA_DIR" are as close as this
# Kubernetes tells each pod of each service of its namespace: here of one that is named fluxdb, or fluxdb-something.
_OF_KUBERNETES: Final = re.compile(r"(?:.*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)")
_ADDRESS_OF_KUBERNETES: Final = re.compile(r"(?:tcp|udp|sctp)://")


def misspelt(environment: Mapping[str, str], settings: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The variables that are no setting and look like one, each with the variable that may be meant.

    ``settings``: by their names, as ``data_dir``.
    """
    known = [PASSWORD, *(name.upper() for name in settings if name.upper() not in OTHERS)]
    for variable, value in sorted(environment.items()):
        name = variable.removeprefix(PREFIX)
        if name == variable or name in known or name in OTHERS:
            continue
        if _OF_KUBERNETES.fullmatch(name) or _ADDRESS_OF_KUBERNETES.match(value):
            continue
        near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=CLOSENESS)
        if near:
            yield variable, PREFIX + near[0]
