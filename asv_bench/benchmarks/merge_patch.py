"""Merge-patch on JSON text, by the size of the document."""

from __future__ import annotations

from benchmarks.common import text_of
from fluxdb._core.json.merge import merge


class MergePatch:
    params = (100, 1_000, 10_000, 100_000, 1_000_000)
    param_names = ("bytes",)

    def setup(self, size: int) -> None:
        self.document = text_of(size)
        self.delta = b'{"member000000":{"active":"changed"}}'
        self.replacing = b'{"another":"member","member000000":null}'

    def time_one_member(self, size: int) -> None:
        merge(self.document, self.delta)

    def time_new_member(self, size: int) -> None:
        merge(self.document, self.replacing)
