"""The other sides of the comparison: what of each is on this machine, in which version, and how to get it."""

from __future__ import annotations

import importlib
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from types import ModuleType


class MissingPeerError(Exception):
    """The other side of a figure is not on this machine. The message says what is missing."""


@dataclass(frozen=True)
class Program:
    """A command, and the Debian package that has it."""

    name: str
    package: str
    version_option: str = "--version"

    def version(self) -> str | None:
        """None where it is not there."""
        return first_line([self.name, self.version_option]) if shutil.which(self.name) else None

    @property
    def remedy(self) -> str:
        return f"apt-get install {self.package}, or --install-peers"


@dataclass(frozen=True)
class Library:
    """A package of the environment's Python."""

    name: str

    def version(self) -> str | None:
        try:
            return metadata.version(self.name)
        except metadata.PackageNotFoundError:
            return None

    @property
    def remedy(self) -> str:
        return f"pip install {self.name}; ./tools/compare does"


Peer = Program | Library

PEERS: tuple[Peer, ...] = (
    Program("redis-server", "redis-server"),
    Program("etcd", "etcd-server"),
    Program("h2load", "nghttp2-client"),  # the native client of etcd's figures
    Program("strace", "strace"),
    Library("lmdb"),
    Library("rocksdict"),
)


def versions() -> dict[str, str]:
    """Return each peer's version as it reports it, or that it is missing, by name."""
    return {"sqlite": sqlite3.sqlite_version, **{peer.name: peer.version() or "missing" for peer in PEERS}}


def missing() -> list[str]:
    """A line for each peer that is not there."""
    return [f"{peer.name} is missing, its figures are left out: {peer.remedy}" for peer in PEERS if not peer.version()]


def program(name: str) -> str:
    """The path of a command. Raises MissingPeerError."""
    path = shutil.which(name)
    if path is None:
        (remedy,) = (peer.remedy for peer in PEERS if peer.name == name)
        raise MissingPeerError(f"{name} is missing: {remedy}")
    return path


def module(name: str) -> ModuleType:
    """A package that a peer needs, imported. Raises MissingPeerError."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPeerError(f"{name} is missing ({error}): {Library(name).remedy}") from error


def install() -> None:
    """Gets the programs that are missing from the distribution. Only root can."""
    packages = [peer.package for peer in PEERS if isinstance(peer, Program) and not peer.version()]
    if not packages:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"--install-peers needs root and apt-get; not installed: {', '.join(packages)}", file=sys.stderr)
        return
    subprocess.run(["apt-get", "update", "-qq"], check=False, stdout=sys.stderr)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    subprocess.run(command, check=False, stdout=sys.stderr, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def first_line(command: list[str]) -> str:
    """Return the version in the command's output; "missing" if it can't be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "missing"
    return ((done.stdout or done.stderr).splitlines() or [""])[0]
