"""Is a Python value plain JSON, exactly?"""

DEPTH_MAX: int  # deeper than this (or containing itself) is not plain

def is_plain(value: object) -> bool:
    """True where ``value`` is made of None, bool, int, finite float, str, list, tuple, and dict with str keys.

    Exact types: what is a subclass of one of them (an IntEnum, a namedtuple) is not plain. Sizes of integers and lone
    surrogates are not looked at.
    """
