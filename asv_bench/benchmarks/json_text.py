"""JSON text checked and brought to its compact form, by its length."""

from __future__ import annotations

import json

import orjson

from benchmarks.common import text_of
from fluxdb._core.json.text import compact


class Compact:
    params = (100, 1_000, 10_000, 100_000, 1_000_000)
    param_names = ("bytes",)

    def setup(self, size: int) -> None:
        self.text = text_of(size)
        self.indented = json.dumps(orjson.loads(self.text), indent=4).encode()

    def time_compact_already(self, size: int) -> None:
        compact(self.text)

    def time_indented(self, size: int) -> None:
        compact(self.indented)
