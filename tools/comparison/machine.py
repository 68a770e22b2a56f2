"""The machine of a run, and whether its data folder is on a real disk."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata
from pathlib import Path

from tools.comparison import peers
from tools.comparison.peers import first_line

# File systems that keep data in memory: an fsync there costs nothing and says nothing.
IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs", "hugetlbfs"})


class NotADiskError(Exception):
    """The data folder is in memory."""


def file_system(folder: Path) -> str:
    """The type of the file system that holds ``folder``, "unknown" where the system does not say."""
    return _mount_of(folder)[1]


def _mount_of(folder: Path) -> tuple[str, str]:
    """Its device and type."""
    best, found = -1, ("unknown", "unknown")
    real = os.path.realpath(folder)
    for line in _mounts():
        mount = line[1].replace("\\040", " ")
        inside = real == mount or real.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= best:
            best, found = len(mount), (line[0], line[2])
    return found


def require_disk(folder: Path) -> None:
    """Raises NotADiskError where ``folder`` is on a file system in memory."""
    kind = file_system(folder)
    if kind in IN_MEMORY:
        raise NotADiskError(f"{folder} is on {kind}, which is memory: pass --data-dir with a folder on a real disk")


def facts(folder: Path) -> dict[str, str]:
    """The machine in words, for the head of the report and the raw data."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "disk": " ".join(_mount_of(folder)),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load average": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "fluxdb": _fluxdb(),
        "orjson": metadata.version("orjson"),
        **peers.versions(),
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
    commit = first_line(["git", "-C", str(root), "describe", "--always", "--dirty"])
    return f"{fluxdb.__version__} (commit {commit})"
