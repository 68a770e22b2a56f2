"""Exit codes, for scripts."""

from __future__ import annotations

from typing import Final

from fluxdb import errors

OK: Final = 0
REFUSED: Final = 1  # the database said no
USAGE: Final = 2  # an option, a command, JSON
NO_CONNECTION: Final = 3  # or timed out
NOT_AUTHENTICATED: Final = 4
STORAGE: Final = 5
INTERRUPTED: Final = 130  # Ctrl-C
BROKEN_PIPE: Final = 141  # the reader of our output went away: what the shell shows for any program that this ends


def exit_code(error: errors.FluxDBError | OSError) -> int:
    """Return the exit code for ``error``."""
    if isinstance(error, (errors.ConnectionLostError, errors.RequestTimeoutError)):
        return NO_CONNECTION
    if isinstance(error, errors.AuthError):
        return NOT_AUTHENTICATED
    if isinstance(error, (errors.StorageError, OSError)):
        return STORAGE
    return REFUSED
