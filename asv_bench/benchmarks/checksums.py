"""CRC-32C by length, with the processor's instructions and without."""

from __future__ import annotations

from fluxdb._core.base.crc32c import crc32c, crc32c_portable


class Crc32c:
    params = (64, 1_024, 65_536, 1_048_576)
    param_names = ("bytes",)

    def setup(self, size: int) -> None:
        self.data = bytes(range(256)) * (size // 256 + 1)
        self.data = self.data[:size]

    def time_crc32c(self, size: int) -> None:
        crc32c(self.data)

    def time_crc32c_portable(self, size: int) -> None:
        crc32c_portable(self.data)
