"""A process that writes from many threads or coroutines until it is killed, and what must be there afterwards.

Each client has its own keys and one operation in flight; its n-th operation follows from n. So after a crash its
documents must be those after all operations that were acknowledged to it, or after one more. One key is patched by all.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import fluxdb
from fluxdb.aio import FluxDB as AsyncFluxDB
from fluxdb.limits import KIB, Limits
from fluxdb.sync import FluxDB
from tests.support.model import merge
from tests.support.worker import ROOT

# Small, so that segments change and checkpoints run while it is killed.
LIMITS = Limits(segment_bytes=256 * KIB, checkpoint_log_bytes=1024 * KIB)
CLIENTS = {"threads": 8, "coroutines": 40}
KEYS_OF_CLIENT = 4
SHARED = "shared"
START_SECONDS_MAX = 60


def operation(client: int, number: int) -> tuple[str, str, Any]:
    """The client's operation of that number, from 1: (kind, key, argument)."""
    key = f"client-{client}-{number % KEYS_OF_CLIENT}"
    match number % 7:
        case 0:
            return "delete", key, None
        case 3:
            return "patch", SHARED, {f"client-{client}": number}
        case 5:
            return "patch", key, {"patched": number, "list": [number] * (number % 50)}
        case _:
            return "set", key, {"number": number, "text": "x" * (number * 37 % 900)}


class Client:
    """The documents of one client after its first ``count`` operations."""

    def __init__(self, client: int) -> None:
        self.client, self.count = client, 0
        self.documents: dict[str, Any] = {}
        self.versions: dict[str, int] = {}
        self.shared = 0

    def step(self) -> None:
        self.count += 1
        kind, key, argument = operation(self.client, self.count)
        if key == SHARED:
            self.shared = self.count
            return
        if kind == "delete":
            if self.documents.pop(key, None) is None:
                return
        else:
            self.documents[key] = argument if kind == "set" else merge(self.documents.get(key), argument)
        self.versions[key] = self.versions.get(key, 0) + 1

    def is_at(self, found: dict[str, tuple[Any, int]]) -> bool:
        expected = {key: (value, self.versions[key]) for key, value in self.documents.items()}
        shared = found.get(SHARED, ({}, 0))[0].get(f"client-{self.client}", 0)
        own = f"client-{self.client}-"
        return {k: v for k, v in found.items() if k.startswith(own)} == expected and shared == self.shared


class Rounds:
    """The same folder, killed again and again."""

    def __init__(self, path: Path, kind: str, seed: int) -> None:
        self.path, self.kind = path, kind
        self.clients = [Client(client) for client in range(CLIENTS[kind])]
        self.acknowledged = 0
        self._shared_version = 0
        self._draw = random.Random(seed)

    def play(self) -> None:
        """Start, kill at a random moment, open, compare. Raises AssertionError."""
        counts = [client.count for client in self.clients]
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killing", str(self.path), self.kind, json.dumps(counts)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        told = self._kill(child, child.stdout.fileno())
        child.stdout.close()
        self._take(told)
        self._compare()

    def _kill(self, child: subprocess.Popen[bytes], pipe: int) -> bytes:
        """Return the process's output when it was gone."""
        told = bytearray()
        assert select.select([pipe], [], [], START_SECONDS_MAX)[0], "the process does not write"
        until = time.monotonic() + self._draw.uniform(0.002, 0.15)
        while (left := until - time.monotonic()) > 0:
            if select.select([pipe], [], [], left)[0]:
                told += os.read(pipe, 1 << 16)
        assert child.poll() is None, f"the process ended by itself: {child.returncode}"
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        while data := os.read(pipe, 1 << 16):
            told += data
        assert told, "killed before it wrote"
        return bytes(told)

    def _take(self, told: bytes) -> None:
        """Let each client take the steps that were acknowledged. Each acknowledgement came whole: they are short."""
        for line in told.decode().splitlines():
            client, number, version = map(int, line.split())
            model = self.clients[client]
            model.step()
            assert model.count == number, "acknowledgements of a client come in its order"
            if operation(client, number)[1] == SHARED:
                self._shared_version = max(self._shared_version, version)
            self.acknowledged += 1

    def _compare(self) -> None:
        with fluxdb.open(self.path, limits=LIMITS) as db:
            keys = [f"client-{c.client}-{i}" for c in self.clients for i in range(KEYS_OF_CLIENT)] + [SHARED]
            found = {key: (d.value, d.version) for key in keys if (d := db.get(key)) is not None}
            assert db.info()["keys"] == len(found)
        if self._shared_version:
            assert found[SHARED][1] >= self._shared_version, "the key that all patch fell behind"
        for client in self.clients:
            if not client.is_at(found):
                after = client.count
                client.step()
                assert client.is_at(found), f"client {client.client} is not after {after} writes, nor one more"


def main() -> None:
    """The process that is killed: write for ever, say each acknowledgement as ``client number version``."""
    path, kind, counts = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    if kind == "threads":
        with fluxdb.open(path, limits=LIMITS) as db:
            threads = [threading.Thread(target=thread, args=(db, i, count)) for i, count in enumerate(counts)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
    else:
        asyncio.run(coroutines(path, counts))


def say(client: int, number: int, version: int | None) -> None:
    os.write(1, b"%d %d %d\n" % (client, number, version or 0))


def thread(db: FluxDB, client: int, number: int) -> None:
    while True:
        number += 1
        kind, key, argument = operation(client, number)
        if kind == "delete":
            say(client, number, db.delete(key))
        else:
            say(client, number, db.set(key, argument) if kind == "set" else db.patch(key, argument))


async def coroutines(path: Path, counts: list[int]) -> None:
    async with fluxdb.aio.open(path, limits=LIMITS) as db:
        await asyncio.gather(*(coroutine(db, client, count) for client, count in enumerate(counts)))


async def coroutine(db: AsyncFluxDB, client: int, number: int) -> None:
    while True:
        number += 1
        kind, key, argument = operation(client, number)
        if kind == "delete":
            say(client, number, await db.delete(key))
        else:
            say(client, number, await (db.set(key, argument) if kind == "set" else db.patch(key, argument)))


if __name__ == "__main__":
    main()
