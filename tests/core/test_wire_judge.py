"""Any bytes, in any pieces, against what is documented; `tools/fuzz` runs the same for hours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.wire_judge import Judge, check_replies
from tests.support.wire_seeds import seeds, words


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    made = Judge()
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(8))
def test_the_documented_forms_in_any_pieces(judge: Judge, seed: int) -> None:
    for number, stream in enumerate(seeds()):
        judge.check(stream, seed + 8 * number)


STREAMS = st.lists(
    st.one_of(
        st.sampled_from(seeds()),
        st.sampled_from(words()),
        st.binary(max_size=40),
        st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
        st.integers(1_900, 2_100).map(lambda count: b"y" * count),
        st.integers(1, 20_000).map(lambda depth: b'{"kind":"set","key":"a","value":' + b"[" * depth + b"\n"),
    ),
    max_size=12,
).map(b"".join)


@given(data=STREAMS, seed=st.integers(0, 1 << 32))
@example(data=b"\x16\x03\x01\x02" + b"y" * 1_997, seed=0)  # a TLS hello that is longer than a line may be
@example(data=b"1" * 20 + b"y" * 1_985 + b" ", seed=0)  # a word and a space, but for the bound
@settings(max_examples=400)
def test_any_bytes_in_any_pieces_are_answered_as_documented(judge: Judge, data: bytes, seed: int) -> None:
    judge.check(data, seed)


@pytest.mark.parametrize(
    ("data", "replies"),
    [
        (b'{"kind":"ping"}\n', b""),
        (b'{"kind":"ping"}\n', b'{"kind":"pong"}'),
        (b'{"kind":"ping","id":1}\n', b'{"kind":"pong"}\n'),
        (b'{"kind":"ping","id":1}\n', b'{"kind":"pong","id":2}\n'),
        (b'{"kind":"ping"}\n', b'{"kind":"pong"}\n{"kind":"pong"}\n'),
        (b"{\n", b'{"kind":"pong"}\n'),
        (b"{\n", b'{"kind":"error","code":"storage","message":""}\n'),
        (b"\n", b'{"kind":"oops"}\n'),
    ],
)
def test_a_wrong_answer_is_noticed(data: bytes, replies: bytes) -> None:
    with pytest.raises(AssertionError):
        check_replies(data, replies, ended=False)
