"""Parsing a URL into the address of a server.

fluxdb://[:password@]host[:port]        TCP; port 7000 where none is named
fluxdbs://[:password@]host[:port]       the same over TLS
fluxdb+unix://[:password@]/path         a Unix socket

The scheme may be in capitals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

DEFAULT_PORT = 7000
LABEL_BYTES_MAX = 63  # of a name's parts between dots (RFC 1035), as they are sent
SCHEMES = ("fluxdb", "fluxdbs", "fluxdb+unix")
_WAY_OUT = " (in a password, @ : / ? # and % are written percent-encoded, or it is given as password=)"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server: ``host`` and ``port``, or ``path`` of a Unix socket."""

    host: str = ""
    port: int = DEFAULT_PORT
    path: str = ""
    tls: bool = False
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Return the address as a user would name it, without the password."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _unquoted(password: str) -> str:
    try:
        return unquote(password, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("not the address of a server: the password in it is not UTF-8") from None


def parse_url(url: str) -> Address:
    """Parse a URL. Raises ValueError, without the password in its message, if it is not the address of a server."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise ValueError(f"not the address of a server: its host or port can't be read{_WAY_OUT}") from None
    if parts.scheme not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise ValueError(f"not the address of a server: it begins with {parts.scheme}://, not with one of {known}")
    if parts.query or parts.fragment or parts.username:
        raise ValueError(
            f"not the address of a server: expected fluxdb://[:password@]host[:port] and nothing more{_WAY_OUT}"
        )
    password = None if parts.password is None else _unquoted(parts.password)
    if parts.scheme == "fluxdb+unix":
        if host or not parts.path.strip("/"):
            raise ValueError("not the address of a server: expected fluxdb+unix:///path")
        return Address(path=unquote(parts.path), password=password)
    if not host or parts.path not in ("", "/"):
        raise ValueError(f"not the address of a server: expected {parts.scheme}://[:password@]host[:port]{_WAY_OUT}")
    _check_labels(host)
    return Address(host, DEFAULT_PORT if port is None else port, tls=parts.scheme == "fluxdbs", password=password)


def _check_labels(host: str) -> None:
    """Raise ValueError for names that the resolver's encoding rejects without saying why."""
    if ":" in host:  # an IPv6 address
        return
    labels = host.removesuffix(".").split(".")
    if not all(labels):
        raise ValueError("not the address of a server: there is nothing between two dots of its host")
    try:
        too_long = any(len(label.encode("ascii")) > LABEL_BYTES_MAX for label in labels)
    except UnicodeEncodeError:  # the encoding makes it longer
        too_long = any(_idna_bytes(label) > LABEL_BYTES_MAX for label in labels)
    if too_long:
        raise ValueError(
            f"not the address of a server: a part of its host, between dots, has more than {LABEL_BYTES_MAX} characters"
        )


def _idna_bytes(label: str) -> int:
    try:
        return len(label.encode("idna"))
    except UnicodeError as error:
        if "too long" in str(error):
            return LABEL_BYTES_MAX + 1
        raise ValueError("not the address of a server: its host has characters that no name may have") from None
