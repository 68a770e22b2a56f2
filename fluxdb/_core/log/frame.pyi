"""Frames of the log, as bytes."""

def encode_frame(kind: int, revision: int, version: int, key: bytes, text: bytes, times: int = 1) -> bytes:
    """The frame of one record as it lies in the log: for measurements, which have it made so many ``times``.

    ValueError where key and text are longer than a frame's header can say."""
