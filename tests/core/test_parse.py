"""From JSON text to Python objects: on a small stack the levels are taken one by one, and the result is the same."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from fluxdb._core.json.parse import decode

DEEP = 200  # over what is parsed by recursion everywhere
STACK_BYTES = 128 * 1024


@pytest.fixture
def small_stack() -> Iterator[None]:
    before = threading.stack_size(STACK_BYTES)
    yield
    threading.stack_size(before)


def in_a_thread(text: bytes) -> Any:
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(decode(text))
        except ValueError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    return outcome[0]


def deep_document(seed: int) -> Any:
    """Scalars of all kinds, empty and full containers, on every level."""
    chance = random.Random(seed)
    value: Any = "leaf"
    for level in range(DEEP):
        beside: Any = chance.choice(['x,]}"\\\n', 1, -2.5, 1e300, None, True, {}, [], {"a": [1, {}]}, "é\u2028"])
        if chance.random() < 0.5:
            value = chance.choice([[value], [beside, value], [value, beside], [[], value, {}]])
        else:
            name = chance.choice(["", 'quo"te', "back\\slash", "plain", f"n{level}"])
            value = chance.choice([{name: value}, {"b": beside, "z": value}, {"a": value, "b": beside}])
    return value


@pytest.mark.parametrize("seed", range(20))
def test_what_is_nested_deeply_is_parsed_to_the_same_on_a_small_stack(small_stack: None, seed: int) -> None:
    text = orjson.dumps(deep_document(seed))
    assert orjson.dumps(in_a_thread(text)) == text


def test_text_that_is_not_json_is_rejected_on_a_small_stack(small_stack: None) -> None:
    text = orjson.dumps(deep_document(0))
    broken = [text[:cut] for cut in range(0, len(text), 7)] + [text + b"1", text[: len(text) // 2] + b"}" * 400]
    broken += [
        b"[" * 300 + b"]" * 299 + b"}",
        b'{"a":' * 300 + b"1" + b"}" * 299 + b"]",
        b"[" * 300 + b",1" + b"]" * 300,
    ]
    for piece in broken:
        assert isinstance(in_a_thread(piece), orjson.JSONDecodeError), piece[-40:]


def test_a_thread_with_room_parses_as_ever() -> None:
    assert decode(b'{"a":[1,2.5,null]}') == {"a": [1, 2.5, None]}
    assert orjson.dumps(decode(orjson.dumps(deep_document(1)))) == orjson.dumps(deep_document(1))
