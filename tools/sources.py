"""The files that make up the project: what git tracks, and what is new and not ignored."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def source_files(root: Path = ROOT) -> list[Path]:
    """Paths relative to ``root``, sorted. Needs a git checkout."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    return sorted(path for path in {Path(name) for name in names if name} if (root / path).is_file())
