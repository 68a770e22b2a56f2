"""The entries of a page. Each is made on access: a value is parsed as its turn comes, and parsed again each time."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T", covariant=True)

class Entries(Sequence[T], Generic[T]):
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __iter__(self) -> Iterator[T]: ...
