"""What the run ran on, and whether its data folder is on a real disk."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
from importlib import metadata
from pathlib import Path

# File systems that keep data in memory: an fsync there costs nothing and says nothing.
IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs", "hugetlbfs"})


class NotADiskError(Exception):
    """The data folder is in memory."""


def file_system(folder: Path) -> str:
    """The type of the file system that holds ``folder``, "unknown" where the system does not say."""
    best, kind = -1, "unknown"
    real = os.path.realpath(folder)
    for line in _mounts():
        mount = line[1].replace("\\040", " ")
        inside = real == mount or real.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= best:
            best, kind = len(mount), line[2]
    return kind


def require_disk(folder: Path) -> None:
    """Raises NotADiskError where ``folder`` is on a file system in memory."""
    kind = file_system(folder)
    if kind in IN_MEMORY:
        raise NotADiskError(f"{folder} is on {kind}, which is memory: pass --data-dir with a folder on a real disk")


def facts(folder: Path) -> dict[str, str]:
    """The machine in words, for the head of the report and the raw data."""
    return {
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "file system": f"{file_system(folder)} ({folder})",
        "python": f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})",
        "load average": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "fluxdb": _fluxdb(),
        "orjson": metadata.version("orjson"),
        "sqlite": sqlite3.sqlite_version,
        "redis-server": _first_line(["redis-server", "--version"]),
    }


def _mounts() -> list[list[str]]:
    try:
        text = Path("/proc/self/mounts").read_text()
    except OSError:
        return []
    return [line.split() for line in text.splitlines()]


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _fluxdb() -> str:
    try:
        import fluxdb
    except ImportError as error:
        return f"missing ({error})"
    root = Path(fluxdb.__file__ or "").parent
    commit = _first_line(["git", "-C", str(root), "describe", "--always", "--dirty"])
    return f"{getattr(fluxdb, '__version__', 'unversioned')} ({root}, commit {commit})"


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "missing"
    return (done.stdout.splitlines() or [""])[0]
