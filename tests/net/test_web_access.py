"""Access to the live page's server, and its answers over HTTP."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from fluxdb.limits import DEFAULT_LIMITS, WebLimits
from fluxdb.net.web.access import Access, is_loopback
from tests.net.web_client import Site, ask, run

SECRET = "open sésame"
QUICK = WebLimits(auth_seconds_max=2.0)


def test_the_page_is_served_and_may_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        for path, content_type in (("/", "html"), ("/page/page.css", "css"), ("/page/page.js", "javascript")):
            status, headers, body = await site.http(path)
            assert status == 200
            assert headers["content-type"] == f"text/{content_type}; charset=utf-8"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "http" not in policy
            assert int(headers["content-length"]) == len(body) > 1000
            assert b"https://" not in body
            assert b"innerHTML" not in body
        for path in ("/page/", "/page/../web.py", "/metrics", "/healthz", "/page/page.css/"):
            assert (await site.http(path))[0] == 404

    run(tmp_path, test)


def test_metrics_and_health_are_what_their_hooks_say(tmp_path: Path) -> None:
    problems: list[str] = []

    async def test(site: Site) -> None:
        status, headers, body = await site.http("/metrics?x=1")
        assert (status, body) == (200, b"fluxdb_keys 3\n")
        assert headers["content-type"].startswith("text/plain; version=0.0.4")
        assert (await site.http("/healthz"))[0] == 200
        problems.append("the log failed")
        assert (await site.http("/healthz"))[0] == 503

    run(tmp_path, test, metrics=lambda: b"fluxdb_keys 3\n", problems=lambda: problems)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("content", [b"", b"x=1", b"x" * 3_000_000])
def test_another_method_is_refused_with_those_that_are_answered(tmp_path: Path, method: str, content: bytes) -> None:
    async def test(site: Site) -> None:
        for path in ("/", "/metrics", "/nothing"):
            status, headers, body = await site.http(path, method=method, content=content)
            assert (status, headers["allow"], headers["connection"]) == (405, "GET, HEAD", "close")
            assert b"only GET and HEAD are answered here" in body
        assert (await site.http("/"))[0] == 200

    run(tmp_path, test, metrics=lambda: b"fluxdb_keys 3\n")


def test_the_answer_to_head_is_that_to_get_without_its_body(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        for path in ("/", "/page/page.js", "/metrics", "/nothing"):
            status, headers, body = await site.http(path)
            assert body != b""
            assert await site.http(path, method="HEAD") == (status, headers, b"")

    run(tmp_path, test, metrics=lambda: b"fluxdb_keys 3\n")


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "HTTPS://[::1]", "http://any.example:80"])
def test_a_request_that_names_the_origin_before_the_path_is_answered(tmp_path: Path, origin: str) -> None:
    async def test(site: Site) -> None:
        for path in ("/", "/page/page.css", "/metrics?x=1", "/nothing", "/page/http://x"):
            assert await site.http(origin + path) == await site.http(path)
        assert (await site.http(origin + "/", Host="evil.example"))[0] == 421

    run(tmp_path, test, metrics=lambda: b"fluxdb_keys 3\n")


def test_the_page_names_what_it_loads_relative_to_itself(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        _, _, page = await site.http("/")
        loaded = re.findall(rb'(?:href|src)="(?!data:)([^"]*)"', page)
        assert loaded == [b"page/page.css", b"page/page.js"]
        _, _, script = await site.http("/page/connection.js")
        assert b'new URL("ws", location.href)' in script
        assert b"location.host" not in script

    run(tmp_path, test)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "", "a@127.0.0.1"])
def test_a_name_that_is_not_ours_is_refused(tmp_path: Path, host: str) -> None:
    async def test(site: Site) -> None:
        assert (await site.http("/", Host=host))[0] == 421
        assert await site.upgrade(Host=host) == 421
        assert await site.upgrade(Host=host, Origin=f"http://{host}") == 421

    run(tmp_path, test)


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz"])
def test_a_refused_name_is_told_the_way_out_and_it_is_one(tmp_path: Path, path: str) -> None:
    name = "db.example:7001"

    async def refused(site: Site) -> None:
        status, _, body = await site.http(path, Host=name)
        assert (status, b"--web-origin http://NAME:PORT" in body) == (421, True)

    async def taken(site: Site) -> None:
        assert (await site.http(path, Host=name))[0] == 200
        assert await site.upgrade("/ws", Host=name, Origin=f"http://{name}") == 101
        assert await site.upgrade("/ws", Host=name, Origin="http://evil.example") == 403

    hooks: dict[str, Any] = {"metrics": lambda: b"", "problems": list}
    run(tmp_path, refused, DEFAULT_LIMITS, **hooks)
    run(tmp_path, taken, DEFAULT_LIMITS, origins=[f"http://{name}"], **hooks)


def test_the_name_that_is_served_is_taken() -> None:
    access = Access("DB.example", (), SECRET)
    assert access.takes_host("db.example:7001")
    assert access.takes_origin("http://db.example:7001", "db.example:7001", "10.0.0.9")
    assert not access.takes_host("other.example:7001")


def test_names_for_this_machine_are_taken(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        for host in ("localhost", f"localhost:{site.web.port}", "[::1]:80", "127.0.0.1", "192.168.1.5:8080"):
            assert (await site.http("/", Host=host))[0] == 200

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:3000", 101),
        ("https://127.0.0.1", 101),
        ("http://[::1]:5173", 101),
        ("https://app.example", 101),
        ("HTTPS://app.example", 101),
        ("http://app.example", 403),
        ("https://app.example:444", 403),
        ("https://app.example.evil.example", 403),
        ("http://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("http://evil.example/localhost", 403),
        ("http://localhost@evil.example", 403),
        ("file://localhost", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_only_pages_of_origins_that_are_taken_may_open_a_websocket(tmp_path: Path, origin: str, status: int) -> None:
    async def test(site: Site) -> None:
        assert await site.upgrade(Origin=origin) == status
        assert await site.upgrade("/", Origin=origin) == status

    run(tmp_path, test, origins=["https://app.example"])


def test_a_refused_origin_is_told_the_way_out(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        status, _, body = await site.http("/ws", Upgrade="websocket", Origin="http://app.example")
        assert (status, b"--web-origin http://HOST:PORT" in body) == (403, True)

    run(tmp_path, test)


def test_its_own_origin_and_clients_that_are_no_browser_are_taken(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        assert await site.upgrade() == 101
        assert await site.upgrade(Host="10.1.2.3:8080", Origin="http://10.1.2.3:8080") == 101
        assert await site.upgrade(Host="10.1.2.3:8080", Origin="http://10.1.2.3:8081") == 403
        assert await site.upgrade("/elsewhere") == 404

    run(tmp_path, test)


def test_a_client_without_an_origin_comes_from_this_machine_or_has_the_password() -> None:
    assert Access("127.0.0.1", (), None).takes_origin(None, "127.0.0.1", "127.0.0.1")
    assert Access("127.0.0.1", (), None).takes_origin(None, "127.0.0.1", "::ffff:127.0.0.1")
    assert not Access("127.0.0.1", (), None).takes_origin(None, "127.0.0.1", "10.0.0.9")
    assert Access("0.0.0.0", (), SECRET).takes_origin(None, "10.0.0.1", "10.0.0.9")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("::")


@pytest.mark.parametrize("origin", ["app.example", "https://app.example/path", "https://", "*", "ftp://app.example"])
def test_an_origin_that_is_none_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        Access("127.0.0.1", (origin,), None)


def test_nothing_is_answered_before_the_password(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            for request in ("get", "set", "subscribe", "unsubscribe", "nonsense"):
                assert (await ask(socket, type=request, key="k", value=1))["code"] == "auth"
            assert await site.engine.get_text("k") is None
            assert (await ask(socket, type="auth", password="wrong"))["code"] == "auth"
            assert (await ask(socket, type="auth", password=1))["code"] == "invalid_request"
            assert await ask(socket, type="auth", password=SECRET, id=1) == {
                "type": "auth_response",
                "data": {"kind": "ok"},
                "id": 1,
            }
            assert (await ask(socket, type="set", key="k", value=1))["type"] == "set_response"
            await asyncio.sleep(1.2 * QUICK.auth_seconds_max)  # who has told it may be silent
            assert (await ask(socket, type="get", key="k"))["type"] == "get_response"

    run(tmp_path, test, password=SECRET, limits=QUICK)


def test_a_password_may_be_tried_a_few_times_only(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            for _ in range(QUICK.auth_failures_max):
                assert (await ask(socket, type="auth", password="\ud800"))["code"] == "auth"
            with pytest.raises(ConnectionClosed):
                await ask(socket, type="auth", password=SECRET)

    run(tmp_path, test, password=SECRET, limits=QUICK)


def test_who_never_tells_the_password_is_closed(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        async with site.connect() as socket:
            await socket.wait_closed()
            assert socket.close_code == 1008

    run(tmp_path, test, password=SECRET, limits=QUICK)
