"""SIGHUP of a server: what it reads again, what it says, and a terminal that closes."""

from __future__ import annotations

import os
import pty
import signal
import ssl
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from websockets.sync.client import connect

from tests.net.test_certificate import in_file
from tests.net.wire import Process, Wire, until
from tests.support.certificates import make_certificate

LOGGING = ("--log-level", "info", "--port", "0")


class Hangup:
    """A server whose log is read from a file, while it runs."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / "log"
        shell = ("sh", "-c", 'exec 2>"$0"; exec "$@"', str(self.log))
        self.process = Process(
            *LOGGING,
            "--data-dir",
            str(folder / "data"),
            *arguments,
            prefix=shell,
            environment={"FLUXDB_TRACEBACK": "1"},
        )

    def hang_up(self, *words: str) -> None:
        """Send SIGHUP; wait until the log has all of ``words``."""
        self.process.process.send_signal(signal.SIGHUP)
        until(lambda: all(word in self.log.read_text() for word in words))

    def __enter__(self) -> Hangup:
        return self

    def __exit__(self, *exc: object) -> None:
        code, _ = self.process.stop()
        assert code == 0, self.log.read_text()
        assert "Traceback" not in self.log.read_text()


def shown(port: int) -> bytes:
    """The certificate that a new connection is shown."""
    trusting_all = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting_all.check_hostname, trusting_all.verify_mode = False, ssl.CERT_NONE
    with Wire(port, tls=trusting_all) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        certificate = client.socket.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def test_new_connections_get_the_new_certificate_and_old_ones_go_on(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(files[0]))
    arguments = ("--tls-cert", str(files[0]), "--tls-key", str(files[1]), "--web", "127.0.0.1:0")
    with Hangup(tmp_path, *arguments) as server, Wire(server.process.port, tls=trusting) as old:
        page_port = int(server.process.said[0].rstrip("/").rpartition(":")[2])
        before = in_file(files[0])
        assert shown(server.process.port) == shown(page_port) == before
        make_certificate(tmp_path)
        server.hang_up("SIGHUP: new connections get the certificate of --tls-cert", "valid until 20")
        assert shown(server.process.port) == shown(page_port) == in_file(files[0]) != before
        assert old.ask({"kind": "ping"}) == [{"kind": "pong"}]


def test_a_certificate_that_can_not_be_used_is_an_error_in_the_log_and_the_old_one_stays(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    before = in_file(certificate)
    with Hangup(tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key)) as server:
        (tmp_path / "other").mkdir()
        key.write_bytes(make_certificate(tmp_path / "other")[1].read_bytes())
        stays = "ERROR fluxdb.server: SIGHUP: the previous certificate stays in use: --tls-cert"
        server.hang_up(stays, "the key does not belong to the certificate")
        certificate.unlink()
        server.hang_up(f"{stays} {certificate}: No such file or directory")
        assert shown(server.process.port) == before


def test_an_expired_certificate_is_warned_about_at_the_start_and_measured(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, until=-timedelta(minutes=5))
    trusting_all = ssl._create_unverified_context()
    with Hangup(tmp_path, "--tls-cert", str(files[0]), "--tls-key", str(files[1]), "--web", "127.0.0.1:0") as server:
        assert "WARNING fluxdb.server: the certificate expired on 20" in server.log.read_text()
        page = server.process.said[0].removeprefix("web page on ")
        with urlopen(f"{page}metrics", timeout=30, context=trusting_all) as reply:
            numbers = reply.read().decode()
    assert "\nfluxdb_certificate_expiry_timestamp_seconds 1.7" in numbers


SHORT_DAYS = """
import sys
from fluxdb.cli.server.main import main
from fluxdb.net import certificate
certificate.DAY_SECONDS = 0.1
sys.argv[:] = ["fluxdb-server", *sys.argv[4:]]
main()
"""


def test_a_server_warns_of_its_certificate_again_each_day(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, until=-timedelta(minutes=5))
    log = tmp_path / "log"
    prefix = ("sh", "-c", 'exec 2>"$0"; exec "$@"', str(log), sys.executable, "-c", SHORT_DAYS)
    arguments = ("--port", "0", "--data-dir", str(tmp_path / "data"))
    with Process(*arguments, "--tls-cert", str(files[0]), "--tls-key", str(files[1]), prefix=prefix) as server:
        until(lambda: log.read_text().count("the certificate expired on") >= 3)
        assert server.stop() == (0, "")
    assert "Traceback" not in log.read_text()


def test_a_password_file_is_read_again_for_new_connections_and_the_page(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("old\n")
    file.chmod(0o600)
    with (
        Hangup(tmp_path, "--password-file", str(file), "--web", "127.0.0.1:0") as server,
        Wire(server.process.port) as inside,
    ):
        assert inside.ask({"kind": "auth", "password": "old"}) == [{"kind": "ok"}]
        file.write_text("new\n")
        server.hang_up(f"SIGHUP: new connections need the password of --password-file {file}")
        assert inside.ask({"kind": "set", "key": "a", "value": 1})[0]["kind"] == "ok"
        with Wire(server.process.port) as client:
            replies = client.ask({"kind": "auth", "password": "old"}, {"kind": "auth", "password": "new"})
        assert [reply["kind"] for reply in replies] == ["error", "ok"]
        page = server.process.said[0].removeprefix("web page on ").replace("http", "ws", 1)
        with connect(page, proxy=None) as socket:
            socket.send('{"type":"auth","password":"new"}')
            assert '"ok"' in str(socket.recv(30))
        file.write_text("two\nlines\n")
        server.hang_up("ERROR fluxdb.server: SIGHUP: the previous password stays in use: --password-file")
        with Wire(server.process.port) as client:
            assert client.ask({"kind": "auth", "password": "new"}) == [{"kind": "ok"}]


def test_where_there_is_nothing_to_read_again_it_says_so_and_goes_on(tmp_path: Path) -> None:
    with Hangup(tmp_path) as server, Wire(server.process.port) as client:
        server.hang_up("WARNING fluxdb.server: SIGHUP: nothing to read again")
        assert client.ask({"kind": "ping"}) == [{"kind": "pong"}]


# A separate terminal, which closes.

IN_TERMINAL = """
import fcntl, os, signal, sys, termios
os.setsid()
fcntl.ioctl(os.open(sys.argv[1], os.O_RDWR), termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[2] == "nohup" else signal.SIG_DFL)
os.execv(sys.argv[3], sys.argv[3:])
"""


def in_terminal(folder: Path, manners: str) -> tuple[Process, Callable[[], None]]:
    """A server that a terminal controls, and what closes that terminal."""
    master, slave = pty.openpty()
    prefix = (sys.executable, "-c", IN_TERMINAL, os.ttyname(slave), manners)
    server = Process("--port", "0", "--data-dir", str(folder / "data"), prefix=prefix)
    os.close(slave)
    return server, lambda: os.close(master)


def test_a_terminal_that_closes_stops_the_server_in_order(tmp_path: Path) -> None:
    server, close_terminal = in_terminal(tmp_path, "plain")
    with server, Wire(server.port) as client:
        assert client.ask({"kind": "set", "key": "a", "value": 1})[0]["kind"] == "ok"
        close_terminal()
        assert client.rest() == b""
        assert server.process.wait(30) == 0


def test_a_signal_in_a_terminal_that_is_open_stops_nothing(tmp_path: Path) -> None:
    server, close_terminal = in_terminal(tmp_path, "plain")
    with server, Wire(server.port) as client:
        server.process.send_signal(signal.SIGHUP)
        assert client.ask({"kind": "ping"}) == [{"kind": "pong"}]
        code, errors = server.stop()
        assert (code, "nothing to read again" in errors) == (0, True)
    close_terminal()


@pytest.mark.parametrize("closes", [False, True])
def test_under_nohup_the_server_goes_on(tmp_path: Path, closes: bool) -> None:
    server, close_terminal = in_terminal(tmp_path, "nohup")
    with server, Wire(server.port) as client:
        if closes:
            close_terminal()
        server.process.send_signal(signal.SIGHUP)
        assert client.ask({"kind": "ping"}) == [{"kind": "pong"}]
        assert server.stop() == (0, "")
    if not closes:
        close_terminal()
