"""Document and Event: small, immutable, and no tuples: json.dumps of one fails instead of writing an array."""

from typing import Any, ClassVar, Literal, final

from fluxdb.model import Operation

@final
class Document:
    """A value and its version: per key, from 1, strictly increasing.

    Equal to a Document of an equal value and the same version; hashable where its value is.
    """

    __match_args__: ClassVar[tuple[Literal["value"], Literal["version"]]]

    def __init__(self, value: Any, version: int) -> None: ...
    @property
    def value(self) -> Any: ...
    @property
    def version(self) -> int: ...
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
