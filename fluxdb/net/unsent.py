"""Has the system of the other side yet to take what was sent to it?"""

from __future__ import annotations

import os
import socket
import struct
import sys

if sys.platform == "linux":
    import fcntl
    import termios


def is_sending(descriptor: int) -> bool:
    """Of a Unix socket: no, what was sent is there at once; nor where the system does not say."""
    if sys.platform == "linux":
        try:
            with socket.socket(fileno=os.dup(descriptor)) as same:
                if same.family != socket.AF_UNIX:
                    (unsent_bytes,) = struct.unpack("i", fcntl.ioctl(same, termios.TIOCOUTQ, bytes(4)))
                    return bool(unsent_bytes)
        except OSError:
            pass  # it is gone
    return False
