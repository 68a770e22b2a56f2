"""CRC-32C (Castagnoli, RFC 3720 appendix B.4)."""

from typing import TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview

def crc32c(data: Buffer, crc: int = 0) -> int:
    """The checksum of ``data``, continued from ``crc``: ``crc32c(b, crc32c(a)) == crc32c(a + b)``."""

def crc32c_portable(data: Buffer, crc: int = 0) -> int:
    """The same without the processor's CRC instructions, so that a test can compare the two."""
