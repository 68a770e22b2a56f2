"""The password of a server, read in the same way by the server and by every program that talks to one.

A file holds it as its only line. Additions of editors are cut: a byte order mark at the beginning, LF or CR LF at the
end. Every other byte counts; a second line is rejected, because it would be unclear which one is meant. The environment
is for programs, which add nothing: a line break at the end there is a mistake (``echo`` instead of ``printf``), and is
rejected.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

PASSWORD_VARIABLE: Final = "FLUXDB_PASSWORD"  # the variable's name, not the password
PASSWORD_BYTES_MAX: Final = 64 * 1024  # of the file, which is read whole; a server takes less (auth_line_bytes_max)
STANDARD_INPUT: Final = Path("-")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class PasswordError(ValueError):
    """No password was found where one was expected. The message names the place, never the password."""


def read_password(path: Path | None) -> str | None:
    """Return the password in the file (-: the first line of stdin), without a file that in the environment; None:
    neither.

    Raises UsageError.
    """
    try:
        if path is None:
            return password_of_environment()
        if path == STANDARD_INPUT:
            return _one_line(sys.stdin.buffer.readline(PASSWORD_BYTES_MAX + 1), "--password-file -")
        return password_of_file(path)
    except PasswordError as error:
        raise click.UsageError(str(error)) from None


def password_of_file(path: Path) -> str:
    """Read the password from a file. Raises PasswordError."""
    name = f"--password-file {path}"
    try:
        with path.open("rb") as file:
            return _one_line(file.read(PASSWORD_BYTES_MAX + 1), name)
    except OSError as error:
        raise PasswordError(f"{name}: {error.strerror}") from None


def password_of_environment() -> str | None:
    """Read the password from the environment; None if the variable is empty or not set. Raises PasswordError."""
    password = os.fsencode(os.environ.get(PASSWORD_VARIABLE, ""))
    if b"\n" in password or b"\r" in password:
        raise PasswordError(
            f"{PASSWORD_VARIABLE} holds a line break, which can't be part of a password: set the variable without it "
            "(printf instead of echo), or use --password-file, which may end with a line break"
        )
    return _text(password, PASSWORD_VARIABLE) or None


def _one_line(data: bytes, name: str) -> str:
    password = data.removeprefix(_BYTE_ORDER_MARK).removesuffix(b"\n").removesuffix(b"\r")
    if len(data) > PASSWORD_BYTES_MAX:
        raise PasswordError(f"{name}: more than {PASSWORD_BYTES_MAX} bytes, too long for a password")
    if not password or b"\n" in password:
        raise PasswordError(f"{name}: the file must hold one line, the password")
    return _text(password, name)


def _text(password: bytes, name: str) -> str:
    try:
        return password.decode()
    except UnicodeDecodeError:
        raise PasswordError(f"{name}: the password is not valid UTF-8") from None
