"""From a URL to where the server is.

fluxdb://[:password@]host[:port]        TCP; port 7000 where none is named
fluxdbs://[:password@]host[:port]       the same over TLS
fluxdb+unix://[:password@]/path         a Unix socket

The scheme may be in capitals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

DEFAULT_PORT = 7000
SCHEMES = ("fluxdb", "fluxdbs", "fluxdb+unix")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is: ``host`` and ``port``, or ``path`` of a Unix socket."""

    host: str = ""
    port: int = DEFAULT_PORT
    path: str = ""
    tls: bool = False
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """As a user would name it, without the password."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _unquoted(password: str) -> str:
    try:
        return unquote(password, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("not the address of a server: the password in it is not UTF-8") from None


def parse_url(url: str) -> Address:
    """Raises ValueError, whose words don't hold the password, where it is no address of a server."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise ValueError("not the address of a server: its host or port can't be read") from None
    if parts.scheme not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise ValueError(f"not the address of a server: it begins with {parts.scheme}://, not with one of {known}")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("not the address of a server: expected fluxdb://[:password@]host[:port] and nothing more")
    password = None if parts.password is None else _unquoted(parts.password)
    if parts.scheme == "fluxdb+unix":
        if host or not parts.path.strip("/"):
            raise ValueError("not the address of a server: expected fluxdb+unix:///path")
        return Address(path=unquote(parts.path), password=password)
    if not host or parts.path not in ("", "/"):
        raise ValueError(f"not the address of a server: expected {parts.scheme}://[:password@]host[:port]")
    return Address(host, DEFAULT_PORT if port is None else port, tls=parts.scheme == "fluxdbs", password=password)
