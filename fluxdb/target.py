"""What a user names when opening: the address of a server, or a folder. What looks like neither becomes no folder.

A mistyped address, an unset variable or a path that some shell was to expand would else become a new, empty database.
Only text is judged by its looks: a path object, or a path with ``./`` before it, is meant as a path.
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
    """Is it the address of a server, or meant as one? A path object never is."""
    return isinstance(target, str) and _SCHEME.match(target) is not None


def folder_path(target: Target) -> Path:
    """The folder that ``target`` names. Raises ValueError where it looks like something else, with the way out."""
    path = Path(target)
    if isinstance(target, str):
        problem = why_no_folder(target)
        if problem:
            way_out = f"; a folder of this name is opened as pathlib.Path({target!r})" if target else ""
            raise ValueError(f"{problem}{way_out}")
        is_home = target.startswith("~")
    else:
        is_home = path.parts[:1] != () and path.parts[0].startswith("~")
    if is_home:
        raise ValueError(f"{target} begins with ~, which stands for a home folder: os.path.expanduser puts it in")
    return path


def why_no_folder(text: str) -> str:
    """What ``text`` looks like, and how that is written, where it does not look like a folder; else nothing."""
    if not text:
        return "the name of the database is empty: name a folder"
    if text == ":memory:":
        return "no database is kept in memory alone: name a folder, such as one that tempfile.mkdtemp() makes"
    if text != text.strip() or text[0] in _QUOTES or text[-1] in _QUOTES:
        return f"{text!r} has white space or quotes around it: take them away"
    if "://" in text:
        return f"{text!r} looks like an address, and is none: one begins with fluxdb://"
    if _SCHEME_ALONE.match(text):
        return f"{text!r} looks like the address of a server: one begins with fluxdb://"
    if _HOST_AND_PORT.fullmatch(text):
        return f"{text!r} looks like the address of a server: fluxdb://{text}"
    if _VARIABLE.match(text):
        return f"{text!r} begins with a variable that nothing has put in: os.path.expandvars does"
    return ""
