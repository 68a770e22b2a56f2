"""Values of other packages: what is taken, and that the call which is named gives the value. Each where it is there."""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import Any

import pytest

import fluxdb
from fluxdb.errors import InvalidValueError
from fluxdb.values import decode, encode


def package(name: str) -> Any:
    return pytest.importorskip(name, reason=f"NOT RUN: needs {name}")


def stored_as_advised(value: Any, **names: Any) -> Any:
    """Return the stored form of a rejected value, after the call that the message names."""
    with pytest.raises(InvalidValueError) as caught:
        encode(value)
    found = re.search(r"convert it with (\S.*)$", str(caught.value))
    assert found is not None, str(caught.value)
    call = f"it{found[1]}" if found[1].startswith(".") else found[1].replace("...", "it")
    return decode(encode(eval(call, {"it": value, "dataclasses": dataclasses, **names})))


def test_numpy() -> None:
    numpy = package("numpy")
    for scalar, plain in ((numpy.bool_(True), True), (numpy.int64(3), 3), (numpy.float32(0.5), 0.5)):
        assert stored_as_advised(scalar) == plain
    assert stored_as_advised(numpy.array([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]
    assert stored_as_advised(numpy.datetime64("2026-01-02T03:04:05", "ns")).startswith("2026-01-02T03:04:05")
    assert decode(encode([numpy.float64(0.1), numpy.str_("x"), {numpy.str_("k"): 1}])) == [0.1, "x", {"k": 1}]
    with pytest.raises(InvalidValueError, match="value is nan"):
        encode(numpy.float64("nan"))


def test_pandas() -> None:
    pandas = package("pandas")
    assert stored_as_advised(pandas.Series([1, 2])) == [1, 2]
    assert stored_as_advised(pandas.DataFrame({"a": [1], "b": ["x"]})) == [{"a": 1, "b": "x"}]
    assert stored_as_advised(pandas.Timestamp("2026-01-02")) == "2026-01-02T00:00:00"
    assert stored_as_advised(pandas.Timedelta("90s")) == 90.0
    for nothing in (pandas.NaT, pandas.NA):
        with pytest.raises(InvalidValueError, match=r"store None instead$"):
            encode(nothing)


def test_pydantic() -> None:
    pydantic = package("pydantic")
    model = pydantic.create_model("User", name=(str, ...), born=(datetime.date, ...))
    user = model(name="v", born=datetime.date(2000, 1, 2))
    assert stored_as_advised(user) == {"name": "v", "born": "2000-01-02"}


def test_msgspec() -> None:
    msgspec = package("msgspec")
    point = msgspec.defstruct("Point", [("x", int)])(x=1)
    assert stored_as_advised(point, msgspec=msgspec) == {"x": 1}


def test_attrs() -> None:
    attrs = package("attrs")
    assert stored_as_advised(attrs.make_class("Point", ["x"])(1), attrs=attrs) == {"x": 1}


def test_fastapi_takes_a_document_for_no_array() -> None:
    encoders = package("fastapi.encoders")
    for item in (fluxdb.Document({"a": 1}, 1), fluxdb.Event("k", 1, 2, 1, "set", 1)):
        for whole in (item, [item], {"a": item}):
            with pytest.raises(ValueError, match=r"is not iterable"):
                encoders.jsonable_encoder(whole)
