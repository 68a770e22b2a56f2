"""The files that a server reads again on SIGHUP: its certificate with the key, and its password file.

Each is read on its own: if one can't be read, the log has an error and the previous content stays in use. Open
connections are unaffected; the new certificate and the new password apply to new connections. All other settings need a
restart, even a password from the environment, because nobody can change the environment of a process.
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
    """``password_file`` None: the password does not come from a file."""

    def __init__(
        self, server: Server, web: WebServer | None, certificate: Certificate | None, password_file: Path | None
    ) -> None:
        self._server = server
        self._web = web
        self._certificate = certificate
        self._password_file = None if password_file == STANDARD_INPUT else password_file

    def reload(self) -> None:
        """Reload each file, and log the result."""
        if self._certificate is None and self._password_file is None:
            logger.warning("SIGHUP: nothing to read again: neither --tls-cert nor --password-file is set")
        if self._certificate is not None:
            self._reload_certificate(self._certificate)
        if self._password_file is not None:
            self._reload_password(self._password_file)

    def _reload_certificate(self, certificate: Certificate) -> None:
        try:
            certificate.reload()
        except CertificateError as error:
            logger.error("SIGHUP: the previous certificate stays in use: %s", error)
            return
        logger.info("SIGHUP: new connections get the certificate of %s, %s", certificate.name, certificate.validity())
        certificate.warn(self._server.limits.certificate_warning_days)

    def _reload_password(self, file: Path) -> None:
        try:
            password = password_of_file(file)
        except PasswordError as error:
            logger.error("SIGHUP: the previous password stays in use: %s", error)
            return
        self._server.change_password(password.encode())
        if self._web is not None:
            self._web.change_password(password)
        logger.info("SIGHUP: new connections need the password of --password-file %s", file)
