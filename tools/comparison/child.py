"""``python -m tools.comparison.child MODULE:FUNCTION JSON`` runs one function in a fresh process.

What the function returned is printed as one line of JSON.

A fresh process has no heap of an earlier figure in its resident size, and nothing of ours in memory.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path


def resident_bytes() -> int:
    """What this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    module, _, function = sys.argv[1].partition(":")
    answer = getattr(importlib.import_module(f"{__package__}.{module}"), function)(**json.loads(sys.argv[2]))
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
