"""Deliveries by themselves: what a client keeps of one key is not overtaken by what comes of another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from fluxdb.engine.handle import RawEvent
from fluxdb.net.deliveries import EventDeliveries


class Bell:
    def __init__(self) -> None:
        self.rung: list[Subscriber] = []

    def ring(self, waiting: Iterable[Subscriber]) -> None:
        self.rung += waiting

    def line(self, event: RawEvent) -> bytes:
        return b"%d " % event[5]


class Subscriber:
    """Of one key of client 1, with these revisions before it."""

    def __init__(self, bell: Bell, *revisions: int) -> None:
        self.number, self.bell, self.behind = 1, bell, False
        self.taken: list[RawEvent] = []
        self.coming = [cast(RawEvent, (1, "k", None, b"1", 1, revision)) for revision in revisions]

    def take_many(self, bytes_max: int) -> list[RawEvent]:
        taken, self.coming = self.coming[:2], self.coming[2:]  # a round holds two
        return taken

    def wait(self) -> bool:
        return True


class Client:
    def __init__(self) -> None:
        self.has_room = True
        self.sent = b""

    def push(self, numbers: list[int], lines: bytes) -> list[int]:
        if not self.has_room:
            return numbers
        self.sent += lines
        return []


def made(client: Client) -> EventDeliveries:
    return EventDeliveries(client.push, lambda *_: None)


def deliver(deliveries: EventDeliveries, *subscribers: Any) -> None:
    deliveries.deliver(subscribers)


def test_rounds_of_several_keys_keep_the_order_of_the_commits() -> None:
    client, bell = Client(), Bell()
    deliver(made(client), Subscriber(bell, 1, 2, 3, 4, 7, 9), Subscriber(bell, 5, 8), Subscriber(bell, 6))
    assert client.sent.split() == [b"%d" % revision for revision in range(1, 10)]


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
