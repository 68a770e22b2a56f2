"""JSON Pointer (RFC 6901) in canonical JSON text (what text.compact gives): one part, without parsing the rest.

Each raises InvalidValueError where the path is no JSON Pointer, ValueError where the text is not canonical and that was
noticed: values beside the path are skipped, not checked.
"""

def find(text: bytes, path: str) -> bytes | None:
    """The part's text, or None where the document has no such part. An array's item is named by its number, from 0."""

def reach(text: bytes, path: str) -> tuple[bytes, str, bool]:
    """The innermost value that the path reaches, the rest of the path ("" where the part is there), and whether the
    path leads through an array.
    """

def spell_name(name: str) -> bytes:
    """A name of a path as canonical text has it between the quotes of a member's name."""
