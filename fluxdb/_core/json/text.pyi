"""JSON text checked and brought to its canonical compact form, without changing what it says."""

def compact(text: bytes, depth_max: int = 128) -> bytes:
    """``text`` in canonical form: no white space, strings spelled in one way only, members unique (the last one stays).

    Raises InvalidValueError, and LimitError where it is nested deeper than ``depth_max``; both say where.
    """
