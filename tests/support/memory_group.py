"""A group of processes that may use so much memory and no more: a cgroup of Linux, version 2 or 1."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ALL_LEFT_SECONDS_MAX = 10.0


class MemoryGroup:
    """One group. ``prefix`` before a command line puts that process in before it begins."""

    def __init__(self, path: Path, version: int, limit_bytes: int) -> None:
        self.path, self.version, self.limit_bytes = path, version, limit_bytes
        self.prefix = ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(path))
        if version == 2:
            self._write("memory.max", limit_bytes)
            self._write("memory.swap.max", 0, needed=False)
        else:
            self._write("memory.limit_in_bytes", limit_bytes)
            self._write("memory.memsw.limit_in_bytes", limit_bytes, needed=False)
            self._write("memory.kmem.tcp.limit_in_bytes", limit_bytes, needed=False)  # sockets: counted besides

    def _write(self, name: str, number: int, *, needed: bool = True) -> None:
        if needed or (self.path / name).exists():
            (self.path / name).write_text(str(number))

    @property
    def peak_bytes(self) -> int:
        """The most that the group ever used, files that the system caches for it included."""
        if self.version == 2:
            return int((self.path / "memory.peak").read_text())
        return int((self.path / "memory.max_usage_in_bytes").read_text())

    @property
    def socket_peak_bytes(self) -> int | None:
        """The most that its sockets held in the system; None where that is a part of ``peak_bytes``."""
        file = self.path / "memory.kmem.tcp.max_usage_in_bytes"
        return int(file.read_text()) if file.exists() else None

    @property
    def oom_kills(self) -> int:
        """How many of its processes the system killed for want of memory."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        counts = dict(line.split() for line in (self.path / name).read_text().splitlines())
        return int(counts["oom_kill"])


def why_not() -> str:
    """Why no such group can be made here; empty where it can."""
    try:
        with memory_group(64 << 20) as group:
            group.peak_bytes, group.oom_kills  # noqa: B018 - raises where the system does not tell
    except OSError as error:
        return str(error)
    return ""


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[MemoryGroup]:
    """A group without processes; gone at the end, when all that were put in have ended. Raises OSError."""
    parent, version = _parent()
    path = parent / f"fluxdb-test-{os.getpid()}-{time.monotonic_ns()}"
    path.mkdir()
    try:
        yield MemoryGroup(path, version, limit_bytes)
    finally:
        _remove(path)


def _remove(path: Path) -> None:
    """A process that has ended may be counted for a moment more."""
    until = time.monotonic() + ALL_LEFT_SECONDS_MAX
    while True:
        try:
            path.rmdir()
            return
        except OSError:  # noqa: PERF203 - until it can be done
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _parent() -> tuple[Path, int]:
    """Return where a group can be made, and the version of what is mounted there. Raises OSError."""
    if sys.platform != "linux":
        raise OSError("cgroups are Linux's")
    if os.geteuid() != 0:
        raise OSError("making a cgroup needs root")
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    own = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
    for _, point, kind, options, *_ in mounts:
        if kind == "cgroup" and "memory" in options.split(","):
            below = Path(point + next(path for names, path in own.items() if "memory" in names.split(",")))
            return below if below.is_dir() else Path(point), 1
    for _, point, kind, *_ in mounts:
        if kind == "cgroup2":
            for group in _upwards(Path(point), own.get("", "/")):
                if _has_memory(group):
                    return group, 2
    raise OSError("no cgroup here hands the control of memory down to the groups below it")


def _upwards(mount: Path, own: str) -> Iterator[Path]:
    """The group of this process, and those above it."""
    group = Path(str(mount) + own)
    while group != mount and mount in group.parents:
        if group.is_dir():
            yield group
        group = group.parent
    yield mount


def _has_memory(group: Path) -> bool:
    """May a group below it limit its memory? Where it can be switched on, it is."""
    control = group / "cgroup.subtree_control"
    with contextlib.suppress(OSError):
        if "memory" not in control.read_text().split():
            control.write_text("+memory")
        return True
    return False
