"""The target that a user opens: the address of a server, or a folder. Text that looks like neither becomes no folder.

A mistyped address, an unset variable or a path that a shell should have expanded would otherwise become a new, empty
database. Only text is judged by its looks: a path object, or a path that begins with ``./``, is taken as a path.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

Target = str | os.PathLike[str]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SCHEME_ALONE = re.compile(r"(fluxdbs?|fluxdb\+unix):", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]*):[0-9]{1,5}")
_VARIABLE = re.compile(r"\$(\w+|\{\w+\})")
_QUOTES = ("'", '"')


def is_url(target: Target) -> bool:
    """Tell whether it is, or is meant as, the address of a server. A path object never is."""
    return isinstance(target, str) and _SCHEME.match(target) is not None


def folder_path(target: Target) -> Path:
    """Return the folder that ``target`` names. Raises ValueError, with the way out, if it looks like something else."""
    path = Path(target)
    if isinstance(target, str):
        problem = why_no_folder(target)
        if problem:
            way_out = f"; open a folder of this name as pathlib.Path({target!r})" if target else ""
            raise ValueError(f"{problem}{way_out}")
        is_home = target.startswith("~")
    else:
        is_home = path.parts[:1] != () and path.parts[0].startswith("~")
    if is_home:
        raise ValueError(f"{target} begins with ~, which stands for a home folder: expand it with os.path.expanduser")
    return path


def why_no_folder(text: str) -> str:
    """Return what ``text`` looks like instead of a folder, and how to write that; empty if it looks like a folder."""
    if not text:
        return "the name of the database is empty: name a folder"
    if text == ":memory:":
        return "a database can't be kept in memory only: name a folder, such as one that tempfile.mkdtemp() makes"
    if text != text.strip() or text[0] in _QUOTES or text[-1] in _QUOTES:
        return f"{text!r} has white space or quotes around it: remove them"
    if "://" in text:
        return f"{text!r} looks like an address but is not one: addresses begin with fluxdb://"
    if _SCHEME_ALONE.match(text):
        return f"{text!r} looks like the address of a server: addresses begin with fluxdb://"
    if _HOST_AND_PORT.fullmatch(text):
        return f"{text!r} looks like the address of a server: fluxdb://{text}"
    if _VARIABLE.match(text):
        return f"{text!r} begins with a variable that was not expanded: expand it with os.path.expandvars"
    return ""
