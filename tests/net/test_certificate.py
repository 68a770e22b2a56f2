"""The server's certificate: its time of validity, and what happens to it when its files change."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import re
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fluxdb.net.certificate import DAY_SECONDS, Certificate, CertificateError
from tests.support.certificates import DAY, make_certificate


def served(server: ssl.SSLContext, server_name: str | None = "localhost") -> bytes:
    """The certificate that a handshake with ``server`` shows, in memory."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=server_name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    shown = ends[0].getpeercert(binary_form=True)
    assert shown is not None
    return shown


def in_file(certificate: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


@pytest.mark.parametrize("server_name", ["localhost", "another.example", None])
def test_handshakes_after_a_reload_show_the_new_certificate(tmp_path: Path, server_name: str | None) -> None:
    files = make_certificate(tmp_path)
    certificate = Certificate(*files)
    before, context = in_file(files[0]), certificate.context
    assert served(context, server_name) == before
    make_certificate(tmp_path)
    assert served(context, server_name) == before
    for _ in range(2):
        certificate.reload()
        assert served(context, server_name) == in_file(files[0]) != before


def test_files_that_are_missing_or_do_not_fit_together_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (certificate_file, key_file), (_, other_key) = make_certificate(tmp_path), make_certificate(tmp_path / "other")
    certificate = Certificate(certificate_file, key_file)
    before, expires_at, key = in_file(certificate_file), certificate.expires_at, key_file.read_bytes()
    rsa_key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for content, words in (
        (other_key.read_bytes(), "the key does not belong to the certificate"),
        (rsa_key, "the key does not belong to the certificate"),
        (b"", "both as PEM"),
        (None, "No such file or directory"),
    ):
        key_file.unlink()
        if content is not None:
            key_file.write_bytes(content)
        with pytest.raises(CertificateError, match=words):
            certificate.reload()
        assert served(certificate.context) == before
    key_file.write_bytes(key)
    certificate_file.write_text("no certificate")
    with pytest.raises(CertificateError, match=r"--tls-cert .*, --tls-key .*: a certificate and its key are needed"):
        certificate.reload()
    assert (served(certificate.context), certificate.expires_at) == (before, expires_at)


def test_the_time_of_validity_is_that_in_the_certificate(tmp_path: Path) -> None:
    certificate_file, key_file = make_certificate(tmp_path)
    decoded = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    certificate = Certificate(certificate_file, key_file)
    assert certificate.valid_from == decoded.not_valid_before_utc.timestamp()
    assert certificate.expires_at == decoded.not_valid_after_utc.timestamp()
    make_certificate(tmp_path, until=30 * DAY)
    certificate.reload()
    assert certificate.expires_at == pytest.approx(time.time() + 30 * DAY_SECONDS, abs=60)


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        (-DAY, 15 * DAY, None),
        (-DAY, 13 * DAY, "the certificate expires on .* \\(certificate_warning_days 14\\); replace .* and send SIGHUP"),
        (-DAY, -datetime.timedelta(minutes=5), "the certificate expired on .*: clients reject it; replace"),
        (DAY, 100 * DAY, "the certificate is not valid before .*: clients reject it until then; replace"),
    ],
)
def test_a_certificate_that_clients_reject_or_soon_will_is_warned_about(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    since: datetime.timedelta,
    until: datetime.timedelta,
    words: str | None,
) -> None:
    certificate = Certificate(*make_certificate(tmp_path, since=since, until=until))
    with caplog.at_level(logging.WARNING, "fluxdb.server"):
        certificate.warn(14)
    assert len(caplog.messages) == (words is not None)
    if words is not None:
        assert caplog.records[0].levelno == logging.WARNING
        assert re.match(words, caplog.messages[0])


def test_the_warning_begins_certificate_warning_days_before_the_end(tmp_path: Path) -> None:
    certificate = Certificate(*make_certificate(tmp_path))
    end = certificate.expires_at
    assert end is not None
    assert certificate.fault(14, end - 14 * DAY_SECONDS - 1) is None
    assert certificate.fault(14, end - 14 * DAY_SECONDS) is not None
    assert certificate.fault(0, end - 1) is None
    assert "expired" in (certificate.fault(0, end) or "")


def test_a_server_looks_at_the_time_of_validity_each_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = Certificate(*make_certificate(tmp_path))
    slept: list[float] = []
    warned: list[int] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 3:
            raise asyncio.CancelledError

    monkeypatch.setattr("fluxdb.net.certificate.asyncio.sleep", sleep)
    monkeypatch.setattr(certificate, "warn", warned.append)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(certificate.watch(14))
    assert (slept, warned) == ([DAY_SECONDS] * 4, [14] * 3)
