"""Answers of the live page's server over plain HTTP: the page, metrics, health.

The page names its files and its WebSocket relative to itself, so a proxy may serve it below a path that it cuts off.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from fluxdb.net.web.access import Access

PAGE = Path(__file__).parent / "page"
PARTS = ("page.css", "page.js", "keys.js", "connection.js", "json.js", "elements.js")
FILES = {"/": "index.html"} | {f"/page/{name}": name for name in PARTS}
CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
WEBSOCKET_PATHS = ("/", "/ws")
METHODS = ("GET", "HEAD")
_ORIGIN = re.compile(r"\Ahttps?://[^/?]*", re.IGNORECASE)  # which clients put before the path for a proxy
_OTHER_METHOD = re.compile(rb"(?!(?:GET|HEAD) )[A-Z]{3,20} ")
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"

UNKNOWN_NAME = (
    b"this server does not know the name in the header Host as its own: tell it the name when it is started, by "
    b"--web-origin http://NAME:PORT (https:// behind TLS) or --web NAME:PORT, or come by its address\n"
)
UNKNOWN_ORIGIN = (
    b"pages from this origin may not talk to this server: one that is started with --web-origin http://HOST:PORT "
    b"lets them\n"
)

# The page may load, and talk to, nothing but this server; nobody may frame it.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class HttpSite:
    """Answers a request, or lets it become a WebSocket. ``metrics`` and ``problems``: None if the server has none."""

    def __init__(
        self, access: Access, metrics: Callable[[], bytes] | None, problems: Callable[[], list[str]] | None
    ) -> None:
        self._access = access
        self._metrics = metrics
        self._problems = problems
        self._files = {
            path: (f"{CONTENT_TYPES[Path(name).suffix]}; charset=utf-8", (PAGE / name).read_bytes())
            for path, name in FILES.items()
        }

    def answer(self, request: Request, peer: str) -> Response | None:
        """Answer a request; None: shake hands for a WebSocket."""
        host = header(request.headers, "Host") or ""
        if not self._access.takes_host(host):
            return reply(HTTPStatus.MISDIRECTED_REQUEST, UNKNOWN_NAME)
        path = _ORIGIN.sub("", request.path).partition("?")[0]
        if "websocket" in (header(request.headers, "Upgrade") or "").lower():
            if path not in WEBSOCKET_PATHS:
                return reply(HTTPStatus.NOT_FOUND, b"the WebSocket is on / and on /ws\n")
            if not self._access.takes_origin(header(request.headers, "Origin"), host, peer):
                return reply(HTTPStatus.FORBIDDEN, UNKNOWN_ORIGIN)
            return None
        found = self._resource(path)
        if getattr(request, "method", "GET") == "HEAD":  # an older library takes GET only
            found.body = b""
        return found

    def _resource(self, path: str) -> Response:
        if path in self._files:
            content_type, body = self._files[path]
            return reply(HTTPStatus.OK, body, content_type)
        if path == "/metrics" and self._metrics is not None:
            return reply(HTTPStatus.OK, self._metrics(), METRICS_TYPE)
        if path == "/healthz" and self._problems is not None:
            found = self._problems()
            if not found:
                return reply(HTTPStatus.OK, b"ok\n")
            words = "".join(f"{line}\n" for line in ["no writes are taken:", *found])
            return reply(HTTPStatus.SERVICE_UNAVAILABLE, words.encode())
        return reply(HTTPStatus.NOT_FOUND, b"there is nothing here\n")


def method_refusal(begin: bytes) -> bytes | None:
    """The whole answer to a request that begins so, if its method is none that is answered here.

    The library ends a request with a body without a word.
    """
    if not _OTHER_METHOD.match(begin):
        return None
    refusal = reply(
        HTTPStatus.METHOD_NOT_ALLOWED, b"only GET and HEAD are answered here; writes go over the WebSocket\n"
    )
    refusal.headers["Allow"] = ", ".join(METHODS)
    return refusal.serialize()


def header(headers: Headers, name: str) -> str | None:
    """Return a header; None if it is missing; a value that nobody accepts if it comes twice."""
    values = headers.get_all(name)
    return None if not values else values[0] if len(values) == 1 else "?"


def reply(status: HTTPStatus, body: bytes, content_type: str = TEXT_TYPE) -> Response:
    headers = Headers(SECURITY_HEADERS)
    headers["Content-Type"] = content_type
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "close"
    return Response(status.value, status.phrase, headers, body)
