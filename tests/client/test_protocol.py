"""The protocol without a socket: whatever the pieces, each reply to its own request; values cut out, not parsed."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxdb.engine.remote import reply
from fluxdb.engine.remote.protocol import Protocol
from fluxdb.engine.remote.reply import UnexpectedReplyError
from fluxdb.model import Kind

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.just(',"new":') | st.just('","old":'),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["new", "old", "version"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def dumps(value: Any) -> bytes:
    return orjson.dumps(value)


def fed(protocol: Protocol, stream: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in pairwise(places):
        protocol.feed(stream[start:end])


@given(
    st.lists(st.tuples(st.booleans(), VALUES), max_size=8), st.lists(st.integers(0, 10_000), max_size=12), st.booleans()
)
def test_any_pieces_give_the_same_replies(items: list[tuple[bool, Any]], cuts: list[int], returns: bool) -> None:
    pushed: list[bytes] = []
    taken: list[tuple[int, bytes]] = []
    protocol = Protocol(pushed.append)
    stream = b""
    expected_pushed: list[bytes] = []
    expected: list[tuple[int, bytes]] = []
    for number, (is_event, value) in enumerate(items):
        if is_event:
            line = b'{"kind":"event","event":{"value":%b}}' % dumps(value)
            expected_pushed.append(line)
        else:
            protocol.request(b'{"kind":"get","key":"k"', lambda line, number=number: taken.append((number, line)))  # type: ignore[misc]
            line = b'{"kind":"value","doc":{"value":%b,"version":1},"id":%d}' % (dumps(value), len(expected) + 1)
            expected.append((number, line))
        stream += line + (b"\r\n" if returns else b"\n")
    fed(protocol, stream, cuts)
    assert taken == expected
    assert pushed == expected_pushed
    assert len(protocol) == 0


def test_requests_bear_their_number() -> None:
    protocol = Protocol(print)
    assert json.loads(protocol.request(b'{"kind":"ping"', print)) == {"kind": "ping", "id": 1}
    assert json.loads(protocol.request(b'{"kind":"ping"', print)) == {"kind": "ping", "id": 2}


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind":"pong","id":2}',
        b'{"kind":"pong"}',
        b'{"kind":"error","message":"","id":7}',
        b"HTTP/1.1 400 Bad Request",
        b"[]",
        b"{}",
        b"\xff",
    ],
)
def test_a_reply_to_another_request_is_never_handed_out(line: bytes) -> None:
    taken: list[bytes] = []
    protocol = Protocol(print)
    protocol.request(b'{"kind":"ping"', taken.append)
    with pytest.raises(UnexpectedReplyError):
        protocol.feed(line + b"\n")
    assert taken == []


def test_an_error_without_an_id_is_the_oldest_requests() -> None:
    taken: list[bytes] = []
    protocol = Protocol(print)
    protocol.request(b'{"kind":"ping"', taken.append)
    protocol.feed(b'{"kind":"error","code":"too_large","message":"m"}\n')
    assert len(taken) == 1


def test_a_farewell_answers_no_request() -> None:
    taken: list[bytes] = []
    protocol = Protocol(print)
    protocol.request(b'{"kind":"set","key":"k","value":1', taken.append)
    protocol.feed(b'{"kind":"error","code":"too_large","message":"m","closing":true}\n')
    assert taken == []
    assert protocol.last_message is not None


def test_an_error_that_answers_nothing_is_kept_as_the_last_words() -> None:
    protocol = Protocol(print)
    protocol.feed(b'{"kind":"error","message":"too many connections"}\n')
    assert protocol.last_message == b'{"kind":"error","message":"too many connections"}'


def test_g11_a_line_without_an_end_is_bounded() -> None:
    protocol = Protocol(print, line_bytes_max=100)
    with pytest.raises(UnexpectedReplyError, match="100 bytes"):
        protocol.feed(b"x" * 101)


@given(VALUES, st.integers(1, 2**63 - 1))
def test_g12_a_documents_text_is_cut_out_as_it_is(value: Any, version: int) -> None:
    text = dumps(value)
    line = b'{"kind":"value","doc":{"value":%b,"version":%d},"id":%d}' % (text, version, 5)
    assert reply.document_text(line) == (text, version)


@given(VALUES)
def test_a_document_in_any_other_form_is_read_too(value: Any) -> None:
    line = b' { "doc" : { "version" : 3 , "value" : %b } , "kind" : "value" }' % dumps(value)
    assert reply.document_text(line) == (dumps(value), 3)


def test_no_document_is_none() -> None:
    assert reply.document_text(b'{"kind":"value","doc":null,"id":1}') is None
    assert reply.document_text(b'{"doc":null,"kind":"value"}') is None


@given(st.text(min_size=1), VALUES, VALUES)
def test_g12_an_events_texts_are_cut_out_as_they_are(key: str, old: Any, new: Any) -> None:
    head = b'{"kind":"event","event":{"key":%b,"old":%b,"new":%b' % (dumps(key), dumps(old), dumps(new))
    raw = reply.event(head + b',"version":7,"op":"patch","revision":9}}')
    assert raw == (Kind.PATCH, key, None if old is None else dumps(old), dumps(new), 7, 9, 9)
    joined = reply.event(head + b',"version":7,"op":"increment","revision":9,"commit":11}}')
    assert joined == (Kind.INCREMENT, *raw[1:6], 11)


@given(VALUES, VALUES)
def test_an_event_with_only_what_every_server_tells_is_read_too(old: Any, new: Any) -> None:
    line = b'{"event":{"version":2,"new":%b,"old":%b,"key":"k"},"kind":"event"}' % (dumps(new), dumps(old))
    kind, key, before, after, version, revision, _ = reply.event(line)
    assert (key, version, revision) == ("k", 2, 0)
    assert orjson.loads(before or b"null") == old
    assert orjson.loads(after or b"null") == new
    assert kind == (Kind.DELETE if new is None else Kind.SET)


@pytest.mark.parametrize(
    "line", [b"{}", b'{"kind":"value"}', b'{"kind":"value","doc":[]}', b'{"kind":"ok","version":"x"}']
)
def test_a_reply_that_says_something_else_is_refused(line: bytes) -> None:
    for read in (reply.document_text, reply.written, reply.event):
        with pytest.raises(UnexpectedReplyError):
            read(line)
