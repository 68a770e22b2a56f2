"""The recursive merge-patch on canonical JSON text (what jsontext.compact gives), both rules for null."""

def merge(target: bytes | None, delta: bytes, remove_nulls: bool = False) -> bytes:
    """``delta`` merged into ``target`` (None: there is nothing yet); both must be canonical.

    A null in the delta overwrites like any other value that is no object; with ``remove_nulls`` it removes the member
    (RFC 7396). Raises ValueError where the text is not canonical and that was noticed: values are skipped, not checked.
    """
