"""Access to the live page's server: by Host, by Origin, by password.

Any page can make a browser send requests to a server on localhost. The Origin header says which page it
was. The Host header says which name the browser used: a page that points its own name at 127.0.0.1 (DNS
rebinding) is recognised by it, because it can't use an address.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from fluxdb.errors import AuthError
from fluxdb.net.passwords import TOO_MANY, Password


def _split(origin: str) -> SplitResult | None:
    """Return scheme, host and port; None if it holds more, or is malformed."""
    try:
        parts = urlsplit(origin)
        _ = parts.port  # raises if it is not a number
    except ValueError:
        return None
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc or not parts.hostname:
        return None
    return parts


def origin_host(origin: str) -> str:
    """Return the host of an origin as browsers write it (https://example.org, http://host:8080). Raises ValueError."""
    parts = _split(origin.lower().rstrip("/"))
    if parts is None or parts.scheme not in ("http", "https") or parts.hostname is None:
        raise ValueError(
            f"an origin must be http(s)://HOST or http(s)://HOST:PORT, such as https://example.org, not {origin!r}"
        )
    return parts.hostname


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether this name, or address, stands for this machine only."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


class Access:
    """The rules of one server. ``origins`` as browsers write them: ``https://example.org``, ``http://host:8080``."""

    def __init__(self, host: str, origins: Sequence[str], password: str | None) -> None:
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._hosts = {host.lower(), *map(origin_host, origins)}
        self._password = None if password is None else Password(password.encode())

    @property
    def wants_password(self) -> bool:
        return self._password is not None

    def change_password(self, password: str) -> None:
        assert self._password is not None
        self._password.change(password.encode())

    async def check_password(self, password: str, peer: str) -> bool:
        """Check a password, in its turn among those of this address. Raises AuthError if too many wait."""
        if self._password is None:
            return True
        told: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()

        def tell(right: bool | None) -> None:
            if not told.done():
                told.set_result(right)

        self._password.attempt(password.encode("utf-8", "replace"), peer, tell, lambda: not told.done())
        right = await told
        if right is None:
            raise AuthError(TOO_MANY)
        return right

    def takes_host(self, header: str | None) -> bool:
        """Tell whether we may be reached by this Host header: an address, this machine, or a name that was set."""
        parts = _split(f"//{header}") if header else None
        if parts is None or parts.hostname is None:
            return False
        host = parts.hostname
        return _is_address(host) or is_loopback(host) or host in self._hosts

    def takes_origin(self, origin: str | None, host_header: str, peer: str) -> bool:
        """Tell whether a page from this origin (None: not a browser's page) may open a WebSocket."""
        if origin is None:
            return self.wants_password or is_loopback(peer)
        origin = origin.lower()
        parts = _split(origin)
        if parts is None or parts.scheme not in ("http", "https") or parts.hostname is None:
            return False
        return parts.netloc == host_header.lower() or is_loopback(parts.hostname) or origin in self._origins
