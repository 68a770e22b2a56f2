"""A peer that is no sound server: whatever it says, callers get the errors that are documented."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial

import pytest

import fluxdb
from fluxdb import ConnectionLostError, Document, FluxDBError
from tests.support.odd_peer import odd_peer


def answering(reply: bytes) -> AbstractContextManager[str]:
    """A peer that says this to everything, with the right id behind it."""
    return odd_peer(lambda line, request_id: reply + b',"id":%b}\n' % request_id)


FAREWELL = b'{"kind":"error","code":"timeout","message":"no request in 9 seconds","closing":true}\n'


def test_a_write_before_a_farewell_may_have_been_made() -> None:
    with odd_peer(lambda line, request_id: FAREWELL) as url, fluxdb.open(url) as db:
        with pytest.raises(ConnectionLostError, match="no request in 9 seconds") as caught:
            db.set("a", 1)
        assert caught.value.maybe_applied


def test_a_read_before_a_farewell_is_asked_again_over_a_new_connection() -> None:
    said = [FAREWELL]

    def answer(line: bytes, request_id: bytes) -> bytes:
        return said.pop() if said else b'{"kind":"value","doc":{"value":1,"version":1},"id":%b}\n' % request_id

    with odd_peer(answer) as url, fluxdb.open(url) as db:
        assert db.get("a") == Document(1, 1)


def test_a_reply_before_a_farewell_counts() -> None:
    def answer(line: bytes, request_id: bytes) -> bytes:
        return b'{"kind":"ok","version":1,"revision":1,"id":%b}\n%b' % (request_id, FAREWELL)

    with odd_peer(answer) as url, fluxdb.open(url) as db:
        assert db.set("a", 1) == 1
        assert db.set("a", 1) == 1


READS = [
    b'{"kind":"value","doc":{"value":{,"version":1}',
    b'{"kind":"value","doc":{"value":"\xff","version":1}',
    b'{"kind":"value","doc":{"value":1,"version":"one"}',
    b'{"kind":"value","doc":[1]',
    b'{"kind":"value"',
    b'{"kind":"error","code":["a"],"message":"m"',
    b'{"kind":"error","code":{},"message":["m"]',
    b'{"code":"too_large","message":"m","kind":"error"',
    b'{"kind":"error","code":"version_conflict"',
    b'{"kind":"error",}',
    b'{"kind":7',
]


@pytest.mark.parametrize("reply", READS)
def test_a_malformed_reply_to_a_read_is_an_error_of_ours(reply: bytes) -> None:
    with answering(reply) as url, fluxdb.open(url) as db:
        for read in (db.get, db.handle.get_text):
            with pytest.raises(FluxDBError) as caught:
                read("a")
            assert not caught.value.maybe_applied


@pytest.mark.parametrize(
    "reply",
    [
        b'{"kind":"ok"',
        b'{"kind":"ok","version":"1","revision":1',
        b'{"kind":"ok","version":1,"revision":null',
        b'{"kind":"ok","version":1e300,"revision":1e300',
        b'{"kind":"ok",,"version":1,"revision":1',
        b'{"kind":"value","doc":null,"version":1,"revision":1',
        b'{"kind":"error",}',
        b'{"kind":"ok","deleted":false',
    ],
)
def test_a_write_that_was_answered_by_nonsense_may_have_been_made(reply: bytes) -> None:
    with answering(reply) as url, fluxdb.open(url) as db:
        with pytest.raises(FluxDBError) as caught:
            db.set("a", 1)
        assert caught.value.maybe_applied


@pytest.mark.parametrize("reply", [b'{"kind":"ok","revision":"x"', b'{"kind":"ok"x', b'{"code":[],"kind":"error"'])
def test_a_malformed_reply_to_anything_else_is_an_error_of_ours(reply: bytes) -> None:
    with answering(reply) as url, fluxdb.open(url) as db:
        for call in (db.checkpoint, partial(db.subscribe, "a")):
            with pytest.raises(FluxDBError):
                call()


EVENTS = [
    b'{"kind":"event","event":{"key":"a","old":null,"new":{,"version":1,"op":"set","revision":1}}',
    b'{"kind":"event","event":{"key":"a","old":"\xff","new":1,"version":1,"op":"set","revision":1}}',
    b'{"kind":"event","event":{"key":"a\\x","old":1,"new":1,"version":1,"op":"set","revision":1}}',
    b'{"kind":"event","event":{"key":["a"],"old":1,"new":1,"version":1,"op":"set","revision":1}}',
    b'{"kind":"event","event":{"key":"a","old":,"new":,"new":1,"version":1,"op":"set","revision":1}}',
    b'{"kind":"event","event":{"key":"a","old":1,"new":1,"version":1e300,"op":"set","revision":1}}',
    b'{"kind":"event","event":{"key":"a","old":1,"new":1,"version":1,"op":["set"],"revision":1}}',
    b'{"kind":"event","event":"a"}',
    b'{"kind":"event"}',
    b'{"kind":"evicted","key":["a"],"last_revision":{}',
]


@pytest.mark.parametrize("event", EVENTS)
def test_a_malformed_event_ends_the_connection_and_the_subscription_says_so(event: bytes) -> None:
    said = [event + b"\n"]

    def answer(line: bytes, request_id: bytes) -> bytes:
        return b'{"kind":"subscribed","key":"a","revision":0,"id":%b}\n%b' % (request_id, said.pop() if said else b"")

    with (
        odd_peer(answer) as url,
        fluxdb.open(url) as db,
        db.subscribe("a") as events,
        pytest.raises(ConnectionLostError, match="may have been missed"),
    ):
        events.get(30)
