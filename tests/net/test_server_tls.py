"""TLS on the wire's port and on the page's, by --tls-cert and --tls-key; and clients that do not speak it."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.net.wire import PATIENCE_SECONDS, PROGRAMS, Process, Wire, run_program
from tests.support.certificates import make_certificate


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module", params=PROGRAMS)
def server(
    request: pytest.FixtureRequest, files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    program = PROGRAMS[request.param]
    folder = tmp_path_factory.mktemp("data")
    arguments = ("--port", "0", "--data-dir", str(folder), "--web", "127.0.0.1:0")
    with Process(*arguments, "--tls-cert", str(files[0]), "--tls-key", str(files[1]), program=program) as server:
        yield server
        code, errors = server.stop()
    assert code == 0
    assert "Traceback" not in errors
    assert "ERROR" not in errors


@pytest.fixture
def trusting(files: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(files[0]))


def works(server: Process, trusting: ssl.SSLContext, key: str) -> None:
    with Wire(server.port, tls=trusting) as client:
        assert client.ask({"kind": "get", "key": key}) == [{"kind": "value", "doc": None}]


def test_the_wire_speaks_tls_large_values_and_events_too(server: Process, trusting: ssl.SSLContext) -> None:
    with Wire(server.port, tls=trusting) as client, Wire(server.port, tls=trusting) as watcher:
        watcher.ask({"kind": "subscribe", "key": "a"})
        assert client.ask({"kind": "set", "key": "a", "value": "x" * 300_000})[0]["version"] == 1
        assert len(client.ask({"kind": "get", "key": "a"})[0]["doc"]["value"]) == 300_000
        assert len(watcher.line()["event"]["new"]) == 300_000


def test_many_requests_at_once_over_tls_are_answered_in_order(server: Process, trusting: ssl.SSLContext) -> None:
    with Wire(server.port, tls=trusting) as client:
        replies = client.ask(*[{"kind": "set", "key": "n", "value": i, "id": i} for i in range(2_000)])
    assert [reply["id"] for reply in replies] == list(range(2_000))


@pytest.mark.parametrize(
    "sent",
    [
        b'{"kind":"set","key":"plain","value":1}\n',
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x00\x05\x01\x00\x00",
        b"\0" * 300,
    ],
)
def test_what_is_no_tls_is_never_executed(server: Process, trusting: ssl.SSLContext, sent: bytes) -> None:
    with Wire(server.port) as client:
        client.socket.sendall(sent)
        client.socket.shutdown(socket.SHUT_WR)
        assert b'"kind"' not in client.rest()
    works(server, trusting, "plain")


def test_who_trusts_somebody_else_does_not_connect(server: Process, trusting: ssl.SSLContext) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        Wire(server.port, tls=ssl.create_default_context())
    works(server, trusting, "plain")


def test_old_versions_of_tls_are_refused(server: Process, trusting: ssl.SSLContext) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Wire(server.port, tls=old)
    works(server, trusting, "plain")


def page_of(server: Process) -> str:
    address = server.said[0].removeprefix("web page on ")
    assert address.startswith("https://127.0.0.1:")
    return address


def test_the_page_its_numbers_and_its_health_come_over_https(server: Process, trusting: ssl.SSLContext) -> None:
    for path, words in (("", b"<!doctype html>"), ("metrics", b"fluxdb_build_info"), ("healthz", b"ok")):
        with urllib.request.urlopen(page_of(server) + path, timeout=PATIENCE_SECONDS, context=trusting) as reply:
            assert words.lower() in reply.read().lower()
    with pytest.raises((urllib.error.URLError, ConnectionError, OSError)):
        urllib.request.urlopen(page_of(server).replace("https", "http"), timeout=PATIENCE_SECONDS)


def test_the_pages_websocket_comes_over_tls(server: Process, trusting: ssl.SSLContext) -> None:
    async def ask() -> None:
        address = page_of(server).replace("https", "wss") + "ws"
        origin = page_of(server).rstrip("/")
        async with connect(address, ssl=trusting, proxy=None, additional_headers={"Origin": origin}) as page:
            await page.send('{"type":"set","key":"page","value":1}')
            reply = json.loads(await asyncio.wait_for(page.recv(), PATIENCE_SECONDS))
            assert (reply["type"], reply["data"]["version"]) == ("set_response", 1)
        page.transport.abort()  # Python 3.10 takes it for forgotten otherwise

    asyncio.run(ask())


def test_a_key_that_is_not_the_certificates_is_refused_at_the_start(tmp_path: Path, files: tuple[Path, Path]) -> None:
    (tmp_path / "other").mkdir()
    _, other = make_certificate(tmp_path / "other")
    arguments = ("--port", "0", "--data-dir", str(tmp_path / "data"), "--tls-cert", str(files[0]))
    certificate = f"--tls-cert {files[0]}"
    for key, told in (
        (other, f"{certificate}, --tls-key {other}: the key does not belong to the certificate"),
        (tmp_path / "nothing", f"Error: --tls-key {tmp_path / 'nothing'}: No such file or directory"),
        (files[0], f"{certificate}, --tls-key {files[0]}: a certificate and its key are needed, both as PEM"),
    ):
        code, _, errors = run_program(*arguments, "--tls-key", str(key))
        assert code == 2
        assert told in errors
        assert "Traceback" not in errors
    assert not (tmp_path / "data").exists()


def test_the_key_may_be_in_the_file_of_the_certificate(
    tmp_path: Path, files: tuple[Path, Path], trusting: ssl.SSLContext
) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(files[0].read_bytes() + files[1].read_bytes())
    with Process("--port", "0", "--data-dir", str(tmp_path / "data"), "--tls-cert", str(both)) as server:
        works(server, trusting, "a")
