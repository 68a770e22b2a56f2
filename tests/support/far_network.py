"""Two hosts on this machine, and a wire between them on which each packet takes a while.

Each host is a network namespace with a TUN device (packets of at most 1,500 bytes, as on Ethernet). A thread takes the
packets of either device and hands them to the other one late: it is there where the kernel's own netem is not. Needs
root, ip (iproute2) and /dev/net/tun.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import struct
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TUN = Path("/dev/net/tun")
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
MTU_BYTES = 1500
PACKETS_MAX = 20_000  # on the way in one direction; more are lost, as in a router


@dataclass(frozen=True)
class Host:
    """``prefix``: what a command begins with, so that it runs there."""

    namespace: str
    address: str

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.namespace)


def why_not() -> str:
    """Return what is missing here, or nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("ip") is None:
        return "needs ip (iproute2)"
    return "" if TUN.exists() else f"needs {TUN}"


@contextlib.contextmanager
def far_network(delay_seconds: float) -> Iterator[tuple[Host, Host]]:
    """Two hosts; a packet from one to the other takes ``delay_seconds``. They are gone afterwards."""
    hosts = [Host(f"fluxdb-{os.getpid()}-{side}", f"10.201.0.{side}") for side in (1, 2)]
    with contextlib.ExitStack() as stack:
        devices = [stack.enter_context(_attached(host)) for host in hosts]
        stack.enter_context(_carrying(devices, delay_seconds))
        yield hosts[0], hosts[1]


@contextlib.contextmanager
def _attached(host: Host) -> Iterator[int]:
    """The descriptor by which the packets of the host's only device come and go."""
    _ip("netns", "add", host.namespace)
    try:
        device = f"fx{os.getpid()}-{host.address[-1]}"
        descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
            _ip("link", "set", device, "netns", host.namespace)
            _ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", device)
            _ip("-n", host.namespace, "link", "set", device, "mtu", str(MTU_BYTES), "txqueuelen", "10000", "up")
            _ip("-n", host.namespace, "link", "set", "lo", "up")
            yield descriptor
        finally:
            os.close(descriptor)
    finally:
        _ip("netns", "delete", host.namespace)


@contextlib.contextmanager
def _carrying(devices: list[int], delay_seconds: float) -> Iterator[None]:
    stopping = threading.Event()
    carrier = threading.Thread(target=_carry, args=(devices, delay_seconds, stopping))
    carrier.start()
    try:
        yield
    finally:
        stopping.set()
        carrier.join()


def _carry(devices: list[int], delay_seconds: float, stopping: threading.Event) -> None:
    other = {devices[0]: devices[1], devices[1]: devices[0]}
    on_the_way: dict[int, deque[tuple[float, bytes]]] = {device: deque() for device in devices}  # by where they go
    while not stopping.is_set():
        now = time.monotonic()
        for device, packets in on_the_way.items():
            while packets and packets[0][0] <= now:
                with contextlib.suppress(OSError):  # its queue is full, or its host is going: the packet is lost
                    os.write(device, packets.popleft()[1])
        due = min((packets[0][0] for packets in on_the_way.values() if packets), default=now + 0.05)
        ready, _, _ = select.select(devices, [], [], max(0.0, min(due - now, 0.05)))
        arrived = time.monotonic() + delay_seconds
        for device in ready:
            with contextlib.suppress(BlockingIOError):
                while len(on_the_way[other[device]]) < PACKETS_MAX:
                    on_the_way[other[device]].append((arrived, os.read(device, MTU_BYTES)))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
