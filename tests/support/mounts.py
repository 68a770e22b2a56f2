"""Small real file systems, for tests as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20


def why_not(kind: str) -> str:
    """Why no such file system can be mounted here; empty where it can."""
    if os.geteuid() != 0:
        return "mounting needs root"
    needed = ["mount", "umount", *(["mkfs.ext4"] if kind == "ext4" else [])]
    missing = [name for name in needed if not shutil.which(name)]
    return f"there is no {', '.join(missing)}" if missing else ""


@contextmanager
def mounted(kind: str, directory: Path, size_mib: int) -> Iterator[Path]:
    """A file system of that kind and size, gone at the end. Raises OSError where the system does not allow it."""
    point, image = directory / "mounted", directory / "image"
    point.mkdir()
    if kind == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(point)]
    else:
        with image.open("wb") as file:
            file.truncate(size_mib * MIB)
        run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)])
        command = ["mount", "-o", "loop", str(image), str(point)]
    run(command)
    try:
        yield point.resolve()
    finally:
        run(["umount", str(point)])


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def fill(directory: Path) -> Path:
    """A file that takes all the room there is."""
    filler = directory / "filler"
    piece_bytes = MIB
    with filler.open("wb", buffering=0) as file:
        while piece_bytes >= 512:
            try:
                if not file.write(bytes(piece_bytes)):
                    piece_bytes //= 2
            except OSError:  # noqa: PERF203 - room may come and go meanwhile
                piece_bytes //= 2
    return filler
