"""Recognising Python values that are exactly plain JSON."""

def is_plain(value: object) -> bool:
    """Return True if ``value`` is made of None, bool, int, finite float, str, list, tuple, and dict with str keys.

    Exact types: what is a subclass of one of them (an IntEnum, a namedtuple) is not plain; neither is what is nested
    deeper than 128 levels. Sizes of integers and lone surrogates are not looked at.
    """
