"""Python values at the boundary: to JSON text on their way in, from JSON text on their way out.

A value is accepted if nothing is lost: reading it back gives a value equal to the stored one. Accepted are None, bool,
int, float, str, list and dict, and their subclasses (OrderedDict, defaultdict, IntEnum, StrEnum, numpy.float64): a
subclass is stored as the plain value that it equals, a str Enum as its text, wherever it stands: as a key, a member's
name, or a value. Tuples are the one exception: they are stored as arrays and read back as lists.

Everything else is rejected, with its place and a call that turns it into JSON (``advice``). This includes values that
json.dumps would store with a loss: namedtuples, whose names would go, and objects whose keys are not str.
"""

from fluxdb._core.json.parse import decode
from fluxdb.values.encoding import check_version, encode
from fluxdb.values.keys import key_text, keys_to_watch, star_note, warn_of_stars
from fluxdb.values.lifetimes import Ttl, ttl_ms

__all__ = [
    "Ttl",
    "check_version",
    "decode",
    "encode",
    "key_text",
    "keys_to_watch",
    "star_note",
    "ttl_ms",
    "warn_of_stars",
]
