"""The operating system's buffer for data sent to a client that does not read it."""

from __future__ import annotations

import socket
import sys


def bound_send_buffer(connected: socket.socket, bytes_max: int) -> None:
    """Let the system take about so much more than the client's system has room for. Raises OSError.

    Over TCP only bytes that are not on the way yet count. A bound of everything that is not acknowledged would have to
    hold several segments: a buffer that one segment fills (64 KiB on this machine's own network) waits for the
    receiver's delayed acknowledgement, 40 ms, each time it is full.
    """
    if connected.family != socket.AF_UNIX and sys.platform == "linux":
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, bytes_max)
    else:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, bytes_max)
