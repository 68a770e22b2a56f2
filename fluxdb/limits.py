"""Every limit in one place, with its unit at the end of its name. All can be set; INFO shows them.

Each limit has a range (``RANGES``), and some depend on each other: ``ORDERS`` and ``check_served``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

KIB = 1024
MIB = 1024 * KIB
SETTINGS_PREFIX = "web_"  # the page's limits, as settings of a server

TTL_SECONDS_MAX = 3_155_760_000  # of a document that expires: 100 years
FIRST_SEGMENT_BYTES = 64 * KIB  # of a new database; later segments are larger


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one open database. ``fluxdb.open(path, limits=Limits(value_bytes_max=...))`` sets them.

    Raises ValueError if a limit is outside the range that the engine can keep, or does not fit another limit.
    """

    # Documents.
    key_bytes_max: int = 1 * KIB  # in UTF-8
    value_bytes_max: int = 16 * MIB  # as compact JSON; for a PATCH, of its delta and of its result
    depth_max: int = 128  # arrays and objects inside each other

    # One call.
    batch_operations_max: int = 1_000
    batch_bytes_max: int = 16 * MIB  # keys in UTF-8 and values or deltas as compact JSON, of all operations
    page_documents_max: int = 1_000  # documents or keys in one page of a scan, and in one get_many
    page_bytes_max: int = 1 * MIB  # keys and values in one page; a larger document travels alone
    transaction_tries_max: int = 100  # tries of update() and transaction() before the conflict is raised

    # Writes in flight: the filling and the syncing group, each; a lone larger record is accepted too. The documents
    # that they make (for a PATCH, the whole document) take twice that in memory, plus one more.
    group_bytes_max: int = 4 * MIB

    # Files.
    segment_bytes: int = 16 * MIB  # size to which the files of the log grow from FIRST_SEGMENT_BYTES
    checkpoint_log_bytes: int = 64 * MIB  # a checkpoint is due after this much log since the last one; 0: never
    log_bytes_max: int = 4096 * MIB  # log since the last checkpoint; at this size writes wait for the next one
    checkpoint_interval_seconds: int = 600  # a checkpoint is due after this time if anything was written; 0: never

    # Deleted keys whose last version is still remembered one by one.
    tombstones_max: int = 65_536

    # Subscribers: whichever limit is reached first.
    subscriber_events_max: int = 1_024
    subscriber_bytes_max: int = 1 * MIB
    queued_event_bytes_max: int = 256 * MIB  # memory of all queues together; above it the longest are evicted
    event_bytes_max: int = 64 * MIB  # events committed and not yet dispatched to the subscribers' queues
    database_subscriptions_max: int = 200_000  # keys in total, each counted as often as it is subscribed to

    def __post_init__(self) -> None:
        _check(self, RANGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """The limits of one server, besides those of its database; per connection unless stated otherwise.

    Raises ValueError if a limit is outside its range, or does not fit another limit.
    """

    connections_max: int = 10_000  # of the whole server
    subscriptions_max: int = 1_024
    client_event_bytes_max: int = 4 * MIB  # memory of waiting events of all keys; at least subscriber_bytes_max

    # Input.
    line_bytes_max: int = 64 * MIB  # one request; an escaped value is up to six times as long as a compact one
    auth_line_bytes_max: int = 4 * KIB  # one request before the password
    input_bytes_max: int = 512 * MIB  # of the whole server: requests not parsed yet; small ones are always accepted

    # Output.
    output_bytes_max: int = 1 * MIB  # replies that the client has not read, plus one more
    unread_bytes_max: int = 1024 * MIB  # of the whole server: memory of unread replies and events, except small ones
    send_buffer_bytes: int = 32 * KIB  # in the operating system, not in transit yet (Unix sockets and macOS: all of it)

    # Time.
    first_line_seconds: int = 120  # until the first whole request, and the password; 0: no limit
    idle_seconds: int = 0  # without a request while nothing is subscribed; 0: no limit
    drain_seconds: int = 8  # for pending requests when the server stops; Docker kills after 10 s
    sync_stalled_seconds: int = 10  # a sync of the log that takes longer makes the server unhealthy; 0: never
    certificate_warning_days: int = 14  # the log warns this long before the certificate expires, every day

    def __post_init__(self) -> None:
        _check(self, SERVER_RANGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebLimits:
    """The limits of one live page's server; per connection unless stated otherwise.

    Raises ValueError if a limit is outside its range.
    """

    connections_max: int = 256  # of the whole page server: HTTP and WebSocket together, including handshakes
    subscriptions_max: int = 256
    client_event_bytes_max: int = 4 * MIB  # memory of waiting events of all keys; at least subscriber_bytes_max
    message_bytes_max: int = 1 * MIB  # one message to the server
    messages_waiting_max: int = 16  # received and not processed yet
    output_bytes_max: int = 256 * KIB  # not sent yet, plus one message more
    send_buffer_bytes: int = 256 * KIB  # in the operating system, not in transit yet (macOS: all of it)

    handshake_seconds_max: float = 10.0
    auth_seconds_max: float = 60.0  # until the password
    auth_failures_max: int = 3  # wrong passwords before the connection is closed
    ping_interval_seconds: float = 20.0
    ping_timeout_seconds: float = 20.0
    close_seconds_max: float = 2.0

    def as_settings(self) -> dict[str, float]:
        """Return the limits under their names among a server's settings."""
        return {SETTINGS_PREFIX + name: value for name, value in asdict(self).items()}

    def __post_init__(self) -> None:
        _check(self, WEB_RANGES)


def check_served(database: Limits, server: ServerLimits, web: WebLimits | None = None) -> None:
    """Raises ValueError if a server with these limits could not serve everything that its database may hold."""
    request_bytes = database.value_bytes_max + _ESCAPE_BYTES * database.key_bytes_max + _ENVELOPE_BYTES
    reply_bytes = max(database.value_bytes_max, database.page_bytes_max) + _ENVELOPE_BYTES
    _require("line_bytes_max", server.line_bytes_max, request_bytes, "a SET", "value_bytes_max and key_bytes_max")
    _require("unread_bytes_max", server.unread_bytes_max, reply_bytes, "a reply", "value_bytes_max or page_bytes_max")
    backlogs = [("client_event_bytes_max", server.client_event_bytes_max)]
    if web is not None:
        backlogs.append((f"{SETTINGS_PREFIX}client_event_bytes_max", web.client_event_bytes_max))
    for name, bytes_max in backlogs:
        _require(name, bytes_max, database.subscriber_bytes_max, "one queue", "subscriber_bytes_max")


def _require(name: str, bytes_max: int, least: int, use: str, others: str) -> None:
    if bytes_max < least:
        raise ValueError(
            f"{name} is {bytes_max}, but {use} with {others} takes {least} bytes: "
            f"set {name} to at least that, or lower {others}"
        )


def _check(limits: Limits | ServerLimits | WebLimits, ranges: Mapping[str, tuple[float, float]]) -> None:
    for field in fields(limits):
        value = getattr(limits, field.name)
        low, high = ranges[field.name]
        whole = isinstance(field.default, int)
        right = isinstance(value, int) or (not whole and isinstance(value, float))
        if not right or isinstance(value, bool) or not low <= value <= high:
            kind = "whole number" if whole else "number"
            raise ValueError(f"{field.name} must be a {kind} from {low} to {high}, not {value!r}")
    for smaller, larger in ORDERS:
        if smaller in ranges and larger in ranges and getattr(limits, smaller) > getattr(limits, larger):
            raise ValueError(
                f"{smaller} ({getattr(limits, smaller)}) must be at most {larger} ({getattr(limits, larger)}): "
                f"lower the first or raise the second"
            )


# The first of each pair is at most the second: a part, and the sum that it counts towards.
ORDERS = (
    ("subscriber_bytes_max", "queued_event_bytes_max"),
    ("line_bytes_max", "input_bytes_max"),
    ("output_bytes_max", "unread_bytes_max"),
)
_ESCAPE_BYTES = 6  # the most that one byte of a key takes in JSON: \u0000
_ENVELOPE_BYTES = 1 * KIB  # of a request or reply around keys and values, with an id of some length


TEXT_DEPTH_MAX = 1_026  # of JSON text that is read: a batch in a line of the protocol adds three levels to its values

# Lengths are stored in 16 bits (keys) and 32 bits (values).
RANGES: dict[str, tuple[int, int]] = {
    "key_bytes_max": (1, 65_535),
    "value_bytes_max": (1, 1024 * MIB),
    "depth_max": (1, TEXT_DEPTH_MAX - 3),
    "batch_operations_max": (1, 65_536),
    "batch_bytes_max": (1, 1024 * MIB),
    "page_documents_max": (1, 1_000_000),
    "page_bytes_max": (1, 1024 * MIB),
    "transaction_tries_max": (1, 1 << 31),
    "group_bytes_max": (4 * KIB, 1024 * MIB),
    "segment_bytes": (FIRST_SEGMENT_BYTES, 4096 * MIB),
    "checkpoint_log_bytes": (0, 1 << 50),
    "log_bytes_max": (64 * KIB, 1 << 50),
    "checkpoint_interval_seconds": (0, 1 << 31),
    "tombstones_max": (0, 1 << 31),
    "subscriber_events_max": (1, 1 << 31),
    "subscriber_bytes_max": (1, 1 << 40),
    "queued_event_bytes_max": (1 * MIB, 1 << 50),
    "event_bytes_max": (1, 1 << 40),
    "database_subscriptions_max": (0, 1 << 31),
}

SERVER_RANGES: dict[str, tuple[int, int]] = {
    "connections_max": (1, 1_000_000),
    "subscriptions_max": (0, 1 << 31),
    "client_event_bytes_max": (4 * KIB, 1 << 40),
    "line_bytes_max": (256, 8192 * MIB),
    "auth_line_bytes_max": (256, 64 * MIB),
    "input_bytes_max": (1 * MIB, 1 << 50),
    "output_bytes_max": (4 * KIB, 1 << 40),
    "unread_bytes_max": (1 * MIB, 1 << 50),
    "send_buffer_bytes": (4 * KIB, 1024 * MIB),
    "first_line_seconds": (0, 1 << 31),
    "idle_seconds": (0, 1 << 31),
    "drain_seconds": (0, 3_600),
    "sync_stalled_seconds": (0, 3_600),
    "certificate_warning_days": (0, 3_650),
}

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

DEFAULT_LIMITS = Limits()
# The widest limits with which a database may have been opened.
WIDEST_LIMITS = Limits(**{name: RANGES[name][1] for name in ("key_bytes_max", "value_bytes_max", "depth_max")})
DEFAULT_SERVER_LIMITS = ServerLimits()
DEFAULT_WEB_LIMITS = WebLimits()

# Lines that our own programs read, of any server and of any file: longer than a line of the widest limits.
REPLY_LINE_BYTES_MAX = 2 * WIDEST_LIMITS.value_bytes_max + MIB  # an event has the old and the new value
TERMINAL_LINE_BYTES_MAX = 128 * MIB  # a command that is piped in: a value of the default limit, escaped throughout
