"""To JSON text: by orjson where a value is plain, step by step where it is not, or is nested too deep for that."""

from __future__ import annotations

import orjson

from fluxdb._core.documents.documents import NUMBER_MAX
from fluxdb._core.json.plain import is_plain
from fluxdb.errors import InvalidValueError
from fluxdb.values.stepwise import encode_stepwise

_dumps = orjson.dumps
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


def encode(value: object) -> bytes:
    """The value as compact JSON text.

    Raises InvalidValueError, which names the place and the way out, for what is not JSON: other types, keys of objects
    that are not strings, NaN and Infinity, integers beyond 64 bits, lone surrogates, what contains itself; LimitError
    where it is nested deeper than any setting allows.
    """
    if is_plain(value):
        try:
            return _dumps(value, None, _OPTIONS)
        except orjson.JSONEncodeError:  # a lone surrogate, or an integer beyond 64 bits
            pass
    return encode_stepwise(value)


def check_version(if_version: object) -> int:
    """The version that a write asks for. Raises InvalidValueError where it is not a whole number from 0."""
    if type(if_version) is not int or not 0 <= if_version <= NUMBER_MAX:
        raise InvalidValueError(f"if_version must be a whole number from 0 to 2**63 - 1, not {if_version!r:.60}")
    return if_version
