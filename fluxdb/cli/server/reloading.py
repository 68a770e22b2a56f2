"""What a server reads again on SIGHUP: its certificate with the key, and its password file.

Each is read by itself: where one can't be read, that is an error in the log and what was read before stays. Connections
that are open stay as they are; the new certificate and the new password are for those that come from then on. All other
settings need a restart, a password from the environment too: nobody can change the environment of a process.
"""

from __future__ import annotations

import logging
from pathlib import Path

from fluxdb.cli.password import STANDARD_INPUT, PasswordError, password_of_file
from fluxdb.net.certificate import Certificate, CertificateError
from fluxdb.net.server import Server
from fluxdb.net.web.server import WebServer

logger = logging.getLogger("fluxdb.server")


class Reloading:
    """``password_file`` None: the password is not from a file."""

    def __init__(
        self, server: Server, web: WebServer | None, certificate: Certificate | None, password_file: Path | None
    ) -> None:
        self._server = server
        self._web = web
        self._certificate = certificate
        self._password_file = None if password_file == STANDARD_INPUT else password_file

    def reload(self) -> None:
        """Log each file with what came of it."""
        if self._certificate is None and self._password_file is None:
            logger.warning("SIGHUP: nothing to read again, there is neither --tls-cert nor a --password-file")
        if self._certificate is not None:
            self._reload_certificate(self._certificate)
        if self._password_file is not None:
            self._reload_password(self._password_file)

    def _reload_certificate(self, certificate: Certificate) -> None:
        try:
            certificate.reload()
        except CertificateError as error:
            logger.error("SIGHUP: the certificate that was read before stays: %s", error)
            return
        logger.info("SIGHUP: new connections get the certificate of %s, %s", certificate.name, certificate.validity())
        certificate.warn(self._server.limits.certificate_warning_days)

    def _reload_password(self, file: Path) -> None:
        try:
            password = password_of_file(file)
        except PasswordError as error:
            logger.error("SIGHUP: the password that was read before stays: %s", error)
            return
        self._server.change_password(password.encode())
        if self._web is not None:
            self._web.change_password(password)
        logger.info("SIGHUP: new connections need the password of --password-file %s", file)
