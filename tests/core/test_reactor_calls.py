"""Python's calls into a reactor while its thread comes and goes."""

from __future__ import annotations

from tests.core.conftest import Log
from tests.core.sides import Loop, Side


def test_a_write_that_python_brought_about_is_made_though_the_reactor_ends(log: Log) -> None:
    last = Loop(log)
    for i in range(50):
        ending = Loop(log)
        side = Side(ending)
        side.send({"kind": "snapshot"}, {"kind": "set", "key": "a", "value": i})
        ((number, ticket, *_),) = ending.news()
        ending.reactor.reply(number, ticket, b'{"kind":"ok"}\n')  # what is behind it is staged here
        ending.reactor.close()
        side.close()
        other = Side(last)
        assert other.ask({"kind": "set", "key": "b", "value": i})[0]["version"] == i + 1
        other.close()
    last.reactor.close()
