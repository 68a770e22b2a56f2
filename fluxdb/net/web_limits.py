"""The bounds of the live page's server, units last."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WebLimits:
    """What one live page's server takes."""

    connections_max: int = 256  # HTTP and WebSocket together, those in their handshake too
    subscriptions_max: int = 256  # of one connection
    message_bytes_max: int = 1024 * KIB  # of one message to the server
    messages_waiting_max: int = 16  # received and not yet looked at, of one connection
    output_bytes_max: int = 256 * KIB  # in the buffer of one connection, one message more excepted
    send_buffer_bytes: int = 256 * KIB  # of the operating system, for one connection

    handshake_seconds_max: float = 10.0
    auth_seconds_max: float = 60.0  # until the password was told
    auth_failures_max: int = 3  # then the connection is closed
    ping_interval_seconds: float = 20.0
    ping_timeout_seconds: float = 20.0
    close_seconds_max: float = 2.0


DEFAULT_WEB_LIMITS = WebLimits()
