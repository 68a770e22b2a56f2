"""The encoder of the log's frames, by the size of the text: 1,000 of them in one call."""

from __future__ import annotations

from benchmarks.common import key, text_of
from fluxdb._core.log.frame import encode_frame

FRAMES = 1_000


class Frames:
    params = (40, 1_000, 10_000)
    param_names = ("bytes",)

    def setup(self, size: int) -> None:
        self.key = key(1).encode()
        self.text = text_of(size)

    def time_encode(self, size: int) -> None:
        encode_frame(1, 1, 1, self.key, self.text, FRAMES)
