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


def fill(directory: Path, spare_bytes: int) -> Path:
    """A file that takes all room but about so many bytes."""
    filler = directory / "filler"
    status = os.statvfs(directory)
    with filler.open("wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, max(4096, status.f_bavail * status.f_frsize - spare_bytes))
        try:
            while not spare_bytes:
                file.seek(0, os.SEEK_END)
                file.write(bytes(4096))
        except OSError:
            pass  # full
    return filler
