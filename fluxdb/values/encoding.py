"""Encoding as JSON text: by orjson if the value is plain, step by step if it is not, or is nested too deep for that."""

from __future__ import annotations

import orjson

from fluxdb._core.documents.documents import NUMBER_MAX
from fluxdb._core.json.plain import is_plain
from fluxdb.errors import InvalidValueError
from fluxdb.values.stepwise import encode_stepwise

_dumps = orjson.dumps
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


def encode(value: object) -> bytes:
    """Return the value as compact JSON text.

    Raises InvalidValueError, with the place and the way out, for values that are not JSON: other types, objects whose
    keys are not strings, NaN and Infinity, integers beyond 64 bits, lone surrogates, values that contain themselves.
    Raises LimitError for values nested deeper than any setting allows.
    """
    if is_plain(value):
        try:
            return _dumps(value, None, _OPTIONS)
        except orjson.JSONEncodeError:  # a lone surrogate, or an integer beyond 64 bits
            pass
    return encode_stepwise(value)


def check_version(if_version: object) -> int:
    """Return the version that a write expects. Raises InvalidValueError if it is not a whole number from 0."""
    if type(if_version) is not int or not 0 <= if_version <= NUMBER_MAX:
        raise InvalidValueError(f"if_version must be a whole number from 0 to 2**63 - 1, not {if_version!r:.60}")
    return if_version
