"""Frames of the log, as bytes."""

def encode_frame(
    kind: int,
    revision: int,
    version: int,
    key: bytes,
    text: bytes,
    times: int = 1,
    *,
    flags: int = 0,
    expires_at_ms: int = 0,
) -> bytes:
    """The frame of one record as it lies in the log: for tests, and for measurements, which repeat it ``times`` times.

    ValueError where key and text are longer than a frame's header can say."""
