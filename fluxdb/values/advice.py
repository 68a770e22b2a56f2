"""Advice for values that are not JSON: which call to make on such a value.

Types are recognised by name, so that none of their packages has to be imported. ``...`` stands for the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_BASE64 = "base64.b64encode(...).decode()"
_PARTS = "store its .real and its .imag"
_CALL_IT = "call it, and store the result"
_NO_VALUE = "store None instead"

# By package and name of the type or of one of its base classes.
_CALLS = {
    "enum.Enum": ".value",
    "datetime.date": ".isoformat()",
    "datetime.time": ".isoformat()",
    "datetime.timedelta": ".total_seconds()",
    "decimal.Decimal": "str(...)",
    "fractions.Fraction": "str(...)",
    "uuid.UUID": "str(...)",
    "pathlib.PurePath": "str(...)",
    "zoneinfo.ZoneInfo": "str(...)",
    "ipaddress._IPAddressBase": "str(...)",
    "re.Pattern": ".pattern",
    "numpy.ndarray": ".tolist()",
    "numpy.datetime64": "str(...)",
    "numpy.longdouble": "str(...)",
    "numpy.generic": ".item()",
    "pandas.DataFrame": '.to_dict("records")',
    "msgspec.Struct": "msgspec.to_builtins(...)",
}
_ADVICE = {
    "fluxdb.Document": "store its .value",
    "fluxdb.Event": "store its .new, or its .old",
    "builtins.bytes": f"convert it with .decode() if it is text, otherwise with {_BASE64}",
    "builtins.bytearray": f"convert it with .decode() if it is text, otherwise with {_BASE64}",
    "builtins.memoryview": f"convert it with {_BASE64}",
    "builtins.complex": _PARTS,
    "numpy.complexfloating": _PARTS,
    "numpy.timedelta64": 'divide it by numpy.timedelta64(1, "s") to store seconds',
    "pandas.NaTType": _NO_VALUE,
    "pandas.NAType": _NO_VALUE,
    "builtins.function": _CALL_IT,
    "builtins.method": _CALL_IT,
    "builtins.builtin_function_or_method": _CALL_IT,
    "builtins.coroutine": "await it, and store the result",
    "builtins.async_generator": "convert it with [item async for item in ...]",
}
# By an attribute of the type that many packages have in common.
_CALLS_BY_ATTRIBUTE = {
    "model_dump": '.model_dump(mode="json")',  # pydantic
    "__dataclass_fields__": "dataclasses.asdict(...)",
    "__attrs_attrs__": "attrs.asdict(...)",
    "_asdict": "._asdict()",
    "n_sequence_fields": "list(...)",  # os.stat_result, time.struct_time
    "isoformat": ".isoformat()",
    "tolist": ".tolist()",
}
_CALLS_BY_KIND: tuple[tuple[type, str], ...] = (
    (dict, "dict(...)"),
    (list, "list(...)"),
    (Mapping, "dict(...)"),
    (Iterable, "list(...)"),
)

_KEY_CALLS = {
    "builtins.NoneType": "json.dumps(...)",
    "builtins.bool": "json.dumps(...)",
    "builtins.bytes": ".decode()",
    "enum.Enum": ".value",
    "datetime.date": ".isoformat()",
    "datetime.time": ".isoformat()",
}


def way_out(item: object) -> str:
    """Return advice for a value that is not JSON."""
    kind = type(item)
    for name in _names(kind):
        if name in _ADVICE:
            return _ADVICE[name]
        if name in _CALLS:
            return f"convert it with {_CALLS[name]}"
    for attribute, call in _CALLS_BY_ATTRIBUTE.items():
        if _has(kind, attribute):
            return f"convert it with {call}"
    for plain, call in _CALLS_BY_KIND:
        if issubclass(kind, plain):
            return f"convert it with {call}"
    return "convert it to dict, list, str, int, float, bool or None"


def key_way_out(name: object) -> str:
    """Return advice for the key of an object that is not a str."""
    calls = (_KEY_CALLS[known] for known in _names(type(name)) if known in _KEY_CALLS)
    return f"convert it with {next(calls, 'str(...)')}"


def type_name(kind: type) -> str:
    """Return the type's name with its module, because a numpy.bool is not a bool."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _names(kind: type) -> list[str]:
    """Name the type and its base classes by package and name, without the module: types move between modules."""
    return [f"{base.__module__.partition('.')[0]}.{base.__qualname__}" for base in kind.__mro__]


def _has(kind: type, attribute: str) -> bool:
    """Ask the type, not the value: a mock or a proxy claims to have every attribute."""
    return any(attribute in vars(base) for base in kind.__mro__)
