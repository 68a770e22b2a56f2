"""One attempt per address at a time: a client that guesses waits, and a right password is answered in its turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fluxdb.net.passwords import ADDRESSES_MAX, DELAY_SECONDS_MAX, FIRST_DELAY_SECONDS, WAITING_MAX, Password


class Server:
    """A password, its attempts, and a clock that is turned by hand."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.due: list[Callable[[], None]] = []
        self.told: list[tuple[str, bool | None]] = []
        self.gone: set[str] = set()
        self.password = Password(b"right", self._call_later)

    def _call_later(self, seconds: float, function: Callable[..., None], *arguments: Any) -> None:
        self.delays.append(seconds)
        self.due.append(lambda: function(*arguments))

    def attempt(self, client: str, password: bytes, address: str = "10.0.0.1") -> None:
        def told(right: bool | None) -> None:
            self.told.append((client, right))

        self.password.attempt(password, address, told, lambda: client not in self.gone)

    def wait(self) -> None:
        """Until the next delay is over."""
        self.due.pop(0)()


def test_failures_are_answered_later_and_later_up_to_a_bound() -> None:
    server = Server()
    for i in range(10):
        server.attempt(f"{i}", b"wrong")
        assert len(server.told) == i, "not before its delay"
        server.wait()
    assert server.delays[:3] == [FIRST_DELAY_SECONDS, 2 * FIRST_DELAY_SECONDS, 4 * FIRST_DELAY_SECONDS]
    assert server.delays[-1] == DELAY_SECONDS_MAX
    assert server.told == [(f"{i}", False) for i in range(10)]


def test_many_connections_of_one_address_guess_no_faster_than_one() -> None:
    server = Server()
    for i in range(100):
        server.attempt(f"{i}", b"wrong")
    for i in range(100):
        assert len(server.due) == 1, "one attempt at a time"
        assert len(server.told) == i
        server.wait()
    assert server.due == []
    assert len(server.told) == 100


def test_a_right_password_takes_no_time_in_its_turn_whatever_failed_before() -> None:
    server = Server()
    for _ in range(10):
        server.attempt("guesser", b"wrong")
        server.wait()
    server.attempt("owner", b"right")
    assert server.told[-1] == ("owner", True)
    assert server.due == []
    server.attempt("guesser", b"wrong")
    server.attempt("owner", b"right")
    assert len(server.told) == 11, "in its turn: else the guesser would know at once which one is right"
    server.wait()
    assert server.told[-2:] == [("guesser", False), ("owner", True)]
    assert server.due == []


def test_another_address_does_not_wait() -> None:
    server = Server()
    server.attempt("guesser", b"wrong")
    server.attempt("other", b"right", "10.0.0.2")
    assert server.told == [("other", True)]


def test_attempts_of_clients_that_went_take_no_time() -> None:
    server = Server()
    for i in range(50):
        server.attempt(f"{i}", b"wrong")
    server.gone.update(f"{i}" for i in range(1, 49))
    server.wait()
    server.wait()
    assert server.told == [("0", False), ("49", False)]


def test_what_waits_is_bounded_and_one_attempt_too_many_is_told_so() -> None:
    server = Server()
    for i in range(WAITING_MAX + 2):
        server.attempt(f"{i}", b"wrong")
    assert server.told == [(f"{WAITING_MAX + 1}", None)]
    for i in range(ADDRESSES_MAX + 10):
        server.attempt("other", b"wrong", f"10.1.{i // 256}.{i % 256}")
    assert len(server.password._failures) == ADDRESSES_MAX
