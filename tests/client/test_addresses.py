"""Addresses of servers: what they say, what is refused, and that a password in one is never shown."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb import ConnectionLostError, Document, Limits
from fluxdb.engine.remote.address import Address, parse_url
from fluxdb.engine.remote.settings import Settings
from fluxdb.net.listener import listen_tcp, listen_unix
from fluxdb.net.server import Server
from fluxdb.opening import open_engine
from tests.support.certificates import make_certificate
from tests.support.small_server import SmallServer

PATIENCE_SECONDS = 60


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("fluxdb://localhost", Address("localhost", 7000)),
        ("fluxdb://localhost/", Address("localhost", 7000)),
        ("fluxdb://127.0.0.1:1", Address("127.0.0.1", 1)),
        ("fluxdb://[::1]:7001", Address("::1", 7001)),
        ("fluxdbs://db.example", Address("db.example", 7000, tls=True)),
        ("FluxDBS://db.example", Address("db.example", 7000, tls=True)),
        ("FLUXDB+UNIX:///run/Flux", Address(path="/run/Flux")),
        ("fluxdb://:p%40ss@h:1", Address("h", 1, password="p@ss")),
        ("fluxdb+unix:///run/flux%20db", Address(path="/run/flux db")),
        ("fluxdb+unix://:p@/run/f", Address(path="/run/f", password="p")),
    ],
)
def test_an_address_says_where_the_server_is(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "fluxdb://",
        "fluxdb://:secret@",
        "fluxdb://user:secret@h",
        "fluxdb://:secret@h:port",
        "fluxdb://:secret@h:70000",
        "fluxdb://:secret@h/path",
        "fluxdb://:secret@h?x=1",
        "fluxdb://:secret%FF@h",
        "fluxdb+unix://:secret@",
        "fluxdb+unix://:secret@host/path",
    ],
)
def test_what_is_no_address_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(ValueError, match="not the address of a server") as caught:
        fluxdb.open(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "told"),
    [
        (f"{'a' * 64}.example", "more than 63 characters"),
        (f"db.{'ä' * 60}.example", "more than 63 characters"),  # 63 as it is written, more as it is sent
        ("db..example", "nothing between two dots"),
        (".example", "nothing between two dots"),
    ],
)
def test_a_name_that_no_resolver_takes_is_refused_with_the_reason(host: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"not the address of a server: .*{told}"):
        fluxdb.open(f"fluxdb://{host}:7000")


@pytest.mark.parametrize("host", ["a" * 63 + ".example", "db.example.", "bücher.example", "ä" * 20])
def test_a_name_that_a_resolver_takes_is_taken(host: str) -> None:
    assert parse_url(f"fluxdb://{host}").host == host


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "redis://h", "fluxdb+tls://h", "c://db"])
def test_an_unknown_scheme_is_refused_with_the_known_ones_and_makes_no_folder(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"fluxdb://, fluxdbs://, fluxdb\+unix://"):
        fluxdb.open(url)

    async def main() -> None:
        await fluxdb.aio.open(url)

    with pytest.raises(ValueError, match=r"fluxdb://, fluxdbs://, fluxdb\+unix://"):
        asyncio.run(main())
    assert list(tmp_path.iterdir()) == []


def test_a_scheme_in_capitals_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConnectionLostError):
        fluxdb.open("FLUXDB://127.0.0.1:1")
    assert list(tmp_path.iterdir()) == []


def test_a_path_object_is_a_path_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with fluxdb.open(Path("fluxdb://db")) as db:
        assert db.set("k", 1) == 1
    assert (tmp_path / "fluxdb:" / "db").is_dir()


def test_a_password_is_in_no_repr_and_no_message() -> None:
    settings = Settings(parse_url("fluxdb://:secret@127.0.0.1:1"), "other secret")
    assert "secret" not in repr(settings) + str(settings.address)
    with pytest.raises(ConnectionLostError, match=r"127\.0\.0\.1:1: connection refused") as caught:
        fluxdb.open("fluxdb://:secret@127.0.0.1:1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("password", ["secret\ud800", b"secret"])
def test_a_password_that_json_can_not_hold_is_refused_without_showing_it(password: Any) -> None:
    with pytest.raises(ValueError, match="a password is a str") as caught:
        fluxdb.open("fluxdb://127.0.0.1:1", password=password)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_time_out_is_more_than_nothing(timeout: float) -> None:
    with pytest.raises(ValueError, match="time-out"):
        fluxdb.open("fluxdb://127.0.0.1:1", timeout=timeout)


@contextlib.contextmanager
def listening(folder: Path, tls: ssl.SSLContext | None) -> Iterator[str]:
    """A server; over TLS its address, else that of its Unix socket."""
    engine = open_engine(folder / "db", Limits())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[Server, str]:
        server = Server(engine, tls=tls)
        if tls is None:
            server.listen(listen_unix(folder / "socket"))
            return server, f"fluxdb+unix://{folder / 'socket'}"
        socket = listen_tcp("127.0.0.1", 0)
        port = socket.getsockname()[1]
        server.listen(socket)
        return server, f"fluxdbs://127.0.0.1:{port}"

    try:
        server, url = asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE_SECONDS)
        try:
            yield url
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(PATIENCE_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_SECONDS)
        loop.close()
        engine.close()


def test_a_unix_socket(tmp_path: Path) -> None:
    with listening(tmp_path, None) as url, fluxdb.open(url) as db:
        assert db.set("k", 1) == 1
        assert db.get("k") == Document(1, 1)
    with pytest.raises(ConnectionLostError, match="no connection to"):
        fluxdb.open(f"fluxdb+unix://{tmp_path / 'nothing'}")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path)


def test_tls_trusts_whom_it_is_told_to_and_nobody_else(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    with listening(tmp_path, context) as url:
        with fluxdb.open(url, tls=trusting) as db:
            assert db.set("k", 1) == 1
            with db.subscribe("k") as events:
                db.set("k", 2)
                event = events.get(30)
                assert event is not None
                assert event.new == 2
        with pytest.raises(ConnectionLostError, match=r"certificate is refused: self.signed.*--tls-ca FILE"):
            fluxdb.open(url)
        with pytest.raises(ConnectionLostError, match=r"it may want TLS \(fluxdbs://\)"):
            fluxdb.open(url.replace("fluxdbs", "fluxdb"), timeout=5)


def test_a_server_that_talks_no_tls_is_told_so(server: SmallServer) -> None:
    with pytest.raises(ConnectionLostError, match="does the server talk TLS there"):
        fluxdb.open(server.url.replace("fluxdb:", "fluxdbs:"), timeout=5)
