"""The file that a dump goes to: whole and durable, or unchanged."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fluxdb.cli.output import naming_stream
from fluxdb.cli.text import escape_text
from fluxdb.errors import StorageError
from fluxdb.storage.system.oserrors import storage_errors

STANDARD_STREAM = "-"


@contextmanager
def writing_dump(target: Path) -> Iterator[Callable[[bytes], object]]:
    """Takes the lines of a dump.

    If this ends without an error, the file is complete and durable; otherwise it is unchanged.
    """
    if str(target) == STANDARD_STREAM:
        with naming_stream("stdout"):
            if sys.stdout.isatty():
                yield lambda line: sys.stdout.write(escape_text(line.decode()))
            else:
                yield sys.stdout.buffer.write
            sys.stdout.flush()
        return
    if target.is_dir():
        raise StorageError(f"can't write {target}: it is a folder: name a file")
    if target.exists() and not target.is_file():  # a device or a named pipe
        with target.open("wb") as stream:
            yield stream.write
        return
    with storage_errors(f"can't write {target}"):
        descriptor, beside = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream.write
                stream.flush()
                os.fsync(stream.fileno())
            Path(beside).replace(target)
        except BaseException:
            Path(beside).unlink()
            raise
