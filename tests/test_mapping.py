"""A mapping over a prefix: what a dict does, and what a database adds to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fluxdb
from fluxdb import InvalidKeyError, InvalidValueError


@pytest.fixture
def db(tmp_path: Path) -> Iterator[fluxdb.FluxDB]:
    with fluxdb.open(tmp_path / "db") as db:
        db.set("user", "not one of them")
        db.set("user;", "nor this")
        yield db


@pytest.fixture
def users(db: fluxdb.FluxDB) -> MutableMapping[str, Any]:
    return db.mapping("user:")


def test_it_holds_plain_values_under_keys_without_the_prefix(db: fluxdb.FluxDB) -> None:
    users = db.mapping("user:")
    users["7"] = {"name": "v"}
    assert users["7"] == {"name": "v"} == users.get("7")
    document = db.get("user:7")
    assert document is not None and document.value == {"name": "v"}
    assert users.prefix == "user:" and repr(users) == "<fluxdb mapping of 'user:'>"


def test_a_missing_key_is_a_key_error(users: MutableMapping[str, Any]) -> None:
    assert users.get("nobody") is None and users.get("nobody", 5) == 5
    assert "nobody" not in users
    with pytest.raises(KeyError, match="nobody"):
        users["nobody"]
    with pytest.raises(KeyError, match="nobody"):
        del users["nobody"]


def test_null_is_a_value(users: MutableMapping[str, Any]) -> None:
    users["a"] = None
    assert "a" in users and users["a"] is None and users.setdefault("a", 1) is None and users.pop("a", 2) is None


def test_iteration_is_in_key_order(users: MutableMapping[str, Any]) -> None:
    assert not users and len(users) == 0
    users.update({"b": 2, "a": 1}, c=3)
    users[""] = 0
    assert users and len(users) == 4
    assert list(users) == list(users.keys()) == ["", "a", "b", "c"]
    assert list(reversed(users)) == ["c", "b", "a", ""]  # type: ignore[arg-type]
    assert list(users.items()) == [("", 0), ("a", 1), ("b", 2), ("c", 3)]
    assert list(reversed(users.values())) == [3, 2, 1, 0]  # type: ignore[call-overload]
    assert users == {"": 0, "a": 1, "b": 2, "c": 3}
    assert ("a", 1) in users.items() and ("a", 2) not in users.items() and 3 in users.values()
    assert users.keys() & {"a", "z"} == {"a"}


def test_keys_may_be_deleted_while_they_are_iterated(users: MutableMapping[str, Any]) -> None:
    users.update((f"{number:04}", number) for number in range(2_500))
    for name in users:
        del users[name]
    assert list(users) == []


def test_clear_leaves_what_has_another_prefix(db: fluxdb.FluxDB, users: MutableMapping[str, Any]) -> None:
    users.update(a=1, b=2)
    users.clear()
    assert len(users) == 0 and list(db.keys()) == ["user", "user;"]


def test_pop_and_setdefault(users: MutableMapping[str, Any]) -> None:
    assert users.setdefault("a", [1]) == [1] == users.setdefault("a", [2])
    assert users.pop("a") == [1]
    assert users.pop("a", None) is None
    with pytest.raises(KeyError):
        users.pop("a")
    users.update(a=1, b=2)
    assert [users.popitem(), users.popitem()] == [("b", 2), ("a", 1)]
    with pytest.raises(KeyError, match="empty"):
        users.popitem()


@pytest.mark.parametrize("take", ["pop", "popitem"])
def test_of_threads_that_take_items_each_gets_its_own(users: MutableMapping[str, Any], take: str) -> None:
    users.update((f"{number:02}", number) for number in range(60))
    taken: list[int] = []

    def work() -> None:
        for number in range(60):
            try:
                taken.append(users.pop(f"{number:02}") if take == "pop" else users.popitem()[1])
            except KeyError:  # noqa: PERF203 - another thread was faster
                continue

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(60))


def test_of_threads_that_set_a_default_one_wins(users: MutableMapping[str, Any]) -> None:
    seen: list[Any] = []
    threads = [threading.Thread(target=lambda n=n: seen.append(users.setdefault("k", n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [users["k"]] * 8


@pytest.mark.parametrize("name", [5, None, b"a", ("a",)])
def test_a_key_that_is_no_text_is_an_error(users: MutableMapping[Any, Any], name: Any) -> None:
    calls = (lambda: users[name], lambda: name in users, lambda: users.__setitem__(name, 1), lambda: users.pop(name, 0))
    for call in calls:
        with pytest.raises(InvalidKeyError, match="a key is a str"):
            call()


def test_a_value_that_is_no_json_is_an_error(users: MutableMapping[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        users["a"] = {1, 2}
    with pytest.raises(InvalidKeyError, match="a prefix is a str"):
        fluxdb.FluxDB.mapping(users, 5)  # type: ignore[arg-type]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "del", "pop", "popitem", "setdefault", "get"]), st.sampled_from(["", "a", "b", "b\0"])
    )
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_it_does_what_a_dict_does(users: MutableMapping[str, Any], steps: list[tuple[str, str]]) -> None:
    users.clear()
    model: dict[str, int] = {}
    for number, (step, name) in enumerate(steps):
        if step == "set":
            users[name] = model[name] = number
        elif step == "del" and name in model:
            del users[name], model[name]
        elif step == "pop":
            assert users.pop(name, None) == model.pop(name, None)
        elif step == "popitem" and model:
            last = max(model)
            assert users.popitem() == (last, model.pop(last))
        elif step == "setdefault":
            assert users.setdefault(name, number) == model.setdefault(name, number)
        else:
            assert users.get(name) == model.get(name)
    assert dict(users) == model and list(users) == sorted(model)
