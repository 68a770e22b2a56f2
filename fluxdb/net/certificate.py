"""The server's certificate: read from its files, read again on request, and watched for its expiry.

    certificate = Certificate(Path("cert.pem"), Path("key.pem"))
    listen(..., ssl=certificate.context)
    ...
    certificate.reload()  # new connections get the files' current content; open ones keep theirs

A listening socket keeps the context that it was given; the handshakes of that context pick the newest one:
OpenSSL calls the callback for server names in each handshake, whether or not the client names a server. A reload
makes a whole new context, so files that don't fit together change nothing.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import ssl
import time
from pathlib import Path
from typing import Final

logger = logging.getLogger("fluxdb.server")

DAY_SECONDS: Final = 86_400.0
# A client may end its stream without the end of TLS: a truncated line is not a request, so nothing is lost.
_IGNORE_UNEXPECTED_EOF: Final = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # OpenSSL before 3 ignores it anyway
_NOT_PEM: Final = "a certificate and its key are needed, both as PEM"
_NOT_ITS_KEY: Final = "the key does not belong to the certificate"
_REASONS: Final = {  # OpenSSL's reasons in plain words, the last for a key of another algorithm
    "KEY_VALUES_MISMATCH": _NOT_ITS_KEY,
    "KEY_TYPE_MISMATCH": _NOT_ITS_KEY,
    "NO_CERTIFICATE_ASSIGNED": _NOT_ITS_KEY,
}


class CertificateError(ValueError):
    """The files of a certificate and its key can't be read, or don't belong together."""


class Certificate:
    """A certificate chain and its key. ``key`` None: the certificate's file holds it. Raises CertificateError."""

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self._files = {"--tls-cert": certificate} | ({} if key is None else {"--tls-key": key})
        self.context = self._load()
        self.context.sni_callback = self._choose
        self._newest = self.context
        self.valid_from, self.expires_at = _validity(certificate)

    @property
    def name(self) -> str:
        """The files by the options that name them."""
        return ", ".join(f"{option} {path}" for option, path in self._files.items())

    def reload(self) -> None:
        """Read the files again. Raises CertificateError, and then keeps what was read before."""
        newest = self._load()
        self.valid_from, self.expires_at = _validity(self._files["--tls-cert"])
        self._newest = newest

    def validity(self) -> str:
        """Return how long it is valid, for people."""
        return "of unknown expiry" if self.expires_at is None else f"valid until {_date(self.expires_at)}"

    def fault(self, warning_days: int, now: float) -> str | None:
        """Return what is, or soon will be, wrong with the time of validity; ``now`` in seconds since 1970."""
        if self.valid_from is not None and now < self.valid_from:
            return f"the certificate is not valid before {_date(self.valid_from)}: clients reject it until then"
        if self.expires_at is None or now < self.expires_at - warning_days * DAY_SECONDS:
            return None
        if now >= self.expires_at:
            return f"the certificate expired on {_date(self.expires_at)}: clients reject it"
        return f"the certificate expires on {_date(self.expires_at)} (certificate_warning_days {warning_days})"

    def warn(self, warning_days: int) -> None:
        """Log a warning, with the way out, if something is wrong."""
        fault = self.fault(warning_days, time.time())
        if fault is not None:
            logger.warning("%s; replace %s and send SIGHUP", fault, self.name)

    async def watch(self, warning_days: int) -> None:
        """Check every day, until cancelled."""
        while True:
            await asyncio.sleep(DAY_SECONDS)
            self.warn(warning_days)

    def _choose(self, handshake: ssl.SSLObject, server_name: str | None, context: ssl.SSLContext) -> None:
        handshake.context = self._newest

    def _load(self) -> ssl.SSLContext:
        for option, path in self._files.items():
            _check_readable(option, path)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | _IGNORE_UNEXPECTED_EOF
        try:
            context.load_cert_chain(self._files["--tls-cert"], self._files.get("--tls-key"), password=_no_passphrase)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise CertificateError(f"{self.name}: {_why(error)}") from None
        return context


def _why(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return str(error)
    reason = getattr(error, "reason", None)
    return _NOT_PEM if reason is None else _REASONS.get(reason, reason.lower().replace("_", " "))


def _check_readable(option: str, path: Path) -> None:
    """Find the file that can't be read, because ssl does not say which of the two it is."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise CertificateError(f"{option} {path}: {error.strerror}") from None


def _no_passphrase() -> str:
    raise ValueError("the key is encrypted: use one that is not, readable by its owner only")


def _validity(path: Path) -> tuple[float | None, float | None]:
    """Return the beginning and the end of its validity, in seconds since 1970; None if unknown.

    ``ssl`` shows the dates of a certificate only for verified peers. Its decoder is private, so this function does
    without it if some Python lacks it: then nothing warns, and TLS works as before.
    """
    try:
        decoded = importlib.import_module("_ssl")._test_decode_cert(str(path))
        return ssl.cert_time_to_seconds(decoded["notBefore"]), ssl.cert_time_to_seconds(decoded["notAfter"])
    except (ImportError, AttributeError, KeyError, ValueError, OSError):
        return None, None


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))
