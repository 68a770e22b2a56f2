"""Python values at the edge: to JSON text on their way in, from it on their way out.

A value is taken where nothing is lost: what is read back equals what was stored. These are None, bool, int, float, str,
list and dict, and their subclasses (OrderedDict, defaultdict, IntEnum, StrEnum, numpy.float64): a subclass is stored as
the plain value that it equals, a str Enum as its text, wherever it stands: as a key, as a member's name, as a value.
Tuples are the one exception: they are stored as arrays, and read back as lists.

All else is rejected with the place and a call that makes JSON of it (``advice``). So are what json.dumps would store
with a loss: the names of a namedtuple, and keys of objects that are no str.
"""

from fluxdb._core.json.parse import decode
from fluxdb.values.encoding import check_version, encode
from fluxdb.values.keys import key_text, keys_to_watch, star_note, warn_of_stars

__all__ = ["check_version", "decode", "encode", "key_text", "keys_to_watch", "star_note", "warn_of_stars"]
