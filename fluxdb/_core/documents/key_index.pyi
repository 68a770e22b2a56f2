"""The index by itself, as tests and measurements drive it."""

class KeyIndex:
    def __len__(self) -> int: ...
    @property
    def depth(self) -> int: ...  # inner nodes on the way to a key
    @property
    def node_bytes(self) -> int: ...  # memory of its nodes
    def insert(self, key: bytes) -> None: ...  # nothing happens where it is there
    def remove(self, key: bytes) -> None: ...  # nothing happens where it is missing
    def rank(self, key: bytes) -> tuple[int, bool]:
        """How many keys are smaller, and whether the key itself is there."""
    def walk(self, rank: int, count: int, *, reverse: bool = False) -> list[bytes]:
        """At most ``count`` keys, from the one of that rank on."""
    def check(self) -> None:
        """Raises AssertionError where the tree is not as documents/tree.pxd has it."""
