"""Document and Event: small, immutable, and no tuples: json.dumps of one fails instead of writing an array."""

from typing import Any, ClassVar, Literal, final

from fluxdb.model import Operation

@final
class Document:
    """A value, its version (per key, from 1, strictly increasing), and when it expires.

    Equal to a Document with equal value, version and expiry; hashable if its value is.
    """

    __match_args__: ClassVar[tuple[Literal["value"], Literal["version"], Literal["expires_at"]]]

    def __init__(self, value: Any, version: int, expires_at: float | None = None) -> None: ...
    @property
    def value(self) -> Any: ...
    @property
    def version(self) -> int: ...
    @property
    def expires_at(self) -> float | None:
        """Seconds since 1970, with the precision of a millisecond; None: it never expires."""
    def __hash__(self) -> int: ...

@final
class Event:
    """One committed change of a key.

    ``old`` and ``new`` are None where there was, or is, no document; and for null. Equal to an Event with equal fields;
    hashable where ``old`` and ``new`` are. ``commit`` is the revision of the last write of its batch: events with the
    same one were written together. For a lone write it is its own revision.
    """

    __match_args__: ClassVar[
        tuple[
            Literal["key"],
            Literal["old"],
            Literal["new"],
            Literal["version"],
            Literal["op"],
            Literal["revision"],
            Literal["commit"],
        ]
    ]

    def __init__(
        self, key: str, old: Any, new: Any, version: int, op: Operation, revision: int, commit: int | None = None
    ) -> None: ...
    @property
    def key(self) -> str: ...
    @property
    def old(self) -> Any: ...
    @property
    def new(self) -> Any: ...
    @property
    def version(self) -> int: ...
    @property
    def op(self) -> Operation: ...
    @property
    def revision(self) -> int: ...
    @property
    def commit(self) -> int: ...
    def __hash__(self) -> int: ...
