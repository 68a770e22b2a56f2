"""Deliveries by themselves: what a client keeps of one key is not overtaken by what comes of another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from fluxdb.engine.handle import RawEvent
from fluxdb.errors import ClosedError
from fluxdb.net.deliveries import EventDeliveries


class Bell:
    def __init__(self) -> None:
        self.rung: list[Subscriber] = []

    def ring(self, waiting: Iterable[Subscriber]) -> None:
        self.rung += waiting

    def line(self, event: RawEvent) -> bytes:
        return b"%d " % event[5]


class Subscriber:
    """Return events of one key of client 1, with these revisions before it."""

    def __init__(self, bell: Bell, *revisions: int) -> None:
        self.number, self.bell, self.behind = 1, bell, False
        self.evicted = self.evicted_as_it_takes = self.closed = False
        self.sent_revision = self.after_revision = 0
        self.noted_sent = 0
        self.taken: list[RawEvent] = []
        self.coming = [cast(RawEvent, (1, "k", None, b"1", 1, revision, revision)) for revision in revisions]

    def take_many(self, bytes_max: int) -> list[RawEvent]:
        if self.closed:
            raise ClosedError
        self.evicted = self.evicted or self.evicted_as_it_takes
        taken, self.coming = self.coming[:2], self.coming[2:]  # a round holds two
        return taken

    def note_sent(self, revision: int) -> None:
        self.noted_sent = revision

    def wait(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


class Client:
    def __init__(self) -> None:
        self.has_room = True
        self.sent = b""
        self.evicted: list[int] = []  # the last revisions that it got

    def push(self, numbers: list[int], lines: bytes) -> list[int]:
        if not self.has_room:
            return numbers
        self.sent += lines
        return []

    def on_evicted(self, subscriber: Any, last_revision: int) -> None:
        self.evicted.append(last_revision)
        subscriber.close()


def made(client: Client) -> EventDeliveries:
    return EventDeliveries(client.push, client.on_evicted)


def deliver(deliveries: EventDeliveries, *subscribers: Any) -> None:
    deliveries.deliver(subscribers)


def test_rounds_of_several_keys_keep_the_order_of_the_commits() -> None:
    client, bell = Client(), Bell()
    deliver(made(client), Subscriber(bell, 1, 2, 3, 4, 7, 9), Subscriber(bell, 5, 8), Subscriber(bell, 6))
    assert client.sent.split() == [b"%d" % revision for revision in range(1, 10)]


def test_what_a_client_had_no_room_for_is_not_noted_as_sent() -> None:
    client, bell = Client(), Bell()
    deliveries, first, second = made(client), Subscriber(bell, 1, 2), Subscriber(bell, 3, 4)
    deliver(deliveries, first)
    client.has_room = False
    deliver(deliveries, second)
    assert (first.noted_sent, second.noted_sent) == (2, 0)
    client.has_room = True
    deliveries.catch_up(1, cast(Any, [first, second]))
    deliver(deliveries, *bell.rung)
    assert (first.noted_sent, second.noted_sent) == (2, 4)


def test_what_is_kept_goes_before_what_another_key_was_rung_for() -> None:
    client, bell = Client(), Bell()
    deliveries = made(client)
    first, second = Subscriber(bell, 1), Subscriber(bell)
    client.has_room = False
    deliver(deliveries, first)
    client.has_room = True
    second.coming = Subscriber(bell, 2).coming
    deliver(deliveries, second)  # rung before Python heard that there is room
    assert client.sent == b""
    first.coming, third = Subscriber(bell, 4).coming, Subscriber(bell, 3)
    bell.ring([third])  # and not yet delivered
    deliveries.catch_up(1, cast(Any, [first, second, third]))
    assert client.sent == b"", "those who were rung have their turn together"
    deliver(deliveries, *bell.rung)
    assert client.sent == b"1 2 3 4 "


def test_a_number_that_went_is_forgotten() -> None:
    client, bell = Client(), Bell()
    deliveries = made(client)
    client.has_room = False
    deliver(deliveries, Subscriber(bell, 1))
    client.has_room = True
    deliveries.forget(1)
    deliver(deliveries, Subscriber(bell, 2))
    assert client.sent == b"2 "


def test_g8_an_evicted_client_keeps_nothing_and_is_told_what_it_was_sent_last() -> None:
    client, bell = Client(), Bell()
    deliveries, subscriber = made(client), Subscriber(bell, 1, 2)
    deliver(deliveries, subscriber)
    client.has_room = False
    subscriber.coming = Subscriber(bell, 3, 4).coming
    deliver(deliveries, subscriber)
    assert len(subscriber.taken) == 2
    subscriber.evicted = True
    deliver(deliveries, subscriber)
    assert subscriber.taken == []
    assert client.evicted == [2]
    client.has_room = True
    deliveries.catch_up(1, cast(Any, [subscriber]))
    deliver(deliveries, *bell.rung)
    assert client.sent == b"1 2 "
    assert client.evicted == [2]


def test_who_is_evicted_as_it_takes_and_has_no_room_keeps_nothing() -> None:
    client, bell = Client(), Bell()
    subscriber = Subscriber(bell, 1, 2)
    client.has_room = False
    subscriber.evicted_as_it_takes = True
    deliver(made(client), subscriber)
    assert subscriber.taken == []
    assert client.evicted == [0]


def test_what_is_kept_of_a_subscription_that_was_given_up_is_not_sent() -> None:
    client, bell = Client(), Bell()
    deliveries, subscriber = made(client), Subscriber(bell, 1)
    client.has_room = False
    deliver(deliveries, subscriber)
    client.has_room = True
    deliveries.catch_up(1, cast(Any, [subscriber]))
    subscriber.close()  # unsubscribed, after it was rung for
    deliver(deliveries, *bell.rung)
    assert client.sent == b""
    assert subscriber.taken == []
