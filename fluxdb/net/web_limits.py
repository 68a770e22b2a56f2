"""The bounds of the live page's server, units last."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

KIB = 1024
MIB = 1024 * KIB
SETTINGS_PREFIX = "web_"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebLimits:
    """What one live page's server takes; per connection, where nothing else is said.

    Raises ValueError where a bound is outside its range.
    """

    connections_max: int = 256  # of the server: HTTP and WebSocket together, those in their handshake too
    subscriptions_max: int = 256
    client_event_bytes_max: int = 4 * MIB  # of memory: events that wait, of all keys; at least subscriber_bytes_max
    message_bytes_max: int = 1 * MIB  # of one message to the server
    messages_waiting_max: int = 16  # received and not yet looked at
    output_bytes_max: int = 256 * KIB  # not sent yet, one message more excepted
    send_buffer_bytes: int = 256 * KIB  # in the operating system, not on the way yet (macOS: all of it)

    handshake_seconds_max: float = 10.0
    auth_seconds_max: float = 60.0  # until the password was told
    auth_failures_max: int = 3  # then the connection is closed
    ping_interval_seconds: float = 20.0
    ping_timeout_seconds: float = 20.0
    close_seconds_max: float = 2.0

    def as_settings(self) -> dict[str, float]:
        """By the names that they have among a server's settings."""
        return {SETTINGS_PREFIX + name: value for name, value in asdict(self).items()}

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = WEB_RANGES[field.name]
            whole = isinstance(field.default, int)
            right = isinstance(value, int) or (not whole and isinstance(value, float))
            if not right or isinstance(value, bool) or not low <= value <= high:
                kind = "whole number" if whole else "number"
                raise ValueError(f"{field.name} must be a {kind} from {low} to {high}, not {value!r}")


WEB_RANGES: dict[str, tuple[float, float]] = {
    "connections_max": (1, 100_000),
    "subscriptions_max": (0, 1 << 31),
    "client_event_bytes_max": (4 * KIB, 1 << 40),
    "message_bytes_max": (256, 8192 * MIB),
    "messages_waiting_max": (1, 1 << 16),
    "output_bytes_max": (4 * KIB, 1 << 40),
    "send_buffer_bytes": (4 * KIB, 1024 * MIB),
    "handshake_seconds_max": (0.1, 3_600),
    "auth_seconds_max": (0.1, 86_400),
    "auth_failures_max": (1, 1 << 31),
    "ping_interval_seconds": (0.1, 86_400),
    "ping_timeout_seconds": (0.1, 86_400),
    "close_seconds_max": (0.1, 3_600),
}

DEFAULT_WEB_LIMITS = WebLimits()
