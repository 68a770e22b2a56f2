"""The work of ``fluxdb-client`` once its server is known."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO

from fluxdb import __version__
from fluxdb._core.serve.messages import event_members
from fluxdb.cli import exits, render
from fluxdb.cli.output import Lines, standard_lines
from fluxdb.cli.password import PASSWORD_VARIABLE
from fluxdb.cli.shell import commands
from fluxdb.cli.shell.answers import WORDS, Answers, Replies
from fluxdb.cli.shell.events import EventsInStep
from fluxdb.cli.shell.events_in_turn import EventsInTurn
from fluxdb.cli.shell.grammar import GrammarError, parse
from fluxdb.cli.shell.script import run_lines
from fluxdb.cli.shell.session import Session
from fluxdb.cli.text import escape_text
from fluxdb.engine.handle import ANY_VERSION, RawEvent, Subscriber
from fluxdb.engine.remote import failure, reply, request
from fluxdb.engine.remote.engine import RemoteEngine
from fluxdb.errors import AuthError, ConnectionLostError, FluxDBError
from fluxdb.limits import DEFAULT_LIMITS
from fluxdb.opening import Local, Remote, open_handle
from fluxdb.values import star_note

if TYPE_CHECKING:
    from fluxdb.cli.connecting import Server


@contextmanager
def connected(server: Server) -> Iterator[RemoteEngine]:
    try:
        handle = open_handle(server.url, DEFAULT_LIMITS, Local(), Remote(server.password, server.timeout, server.tls))
    except AuthError:
        raise AuthError(_password_message(server)) from None
    assert isinstance(handle, RemoteEngine)
    with closing(handle):
        yield handle


def _password_message(server: Server) -> str:
    """Return a message for this program: the library's is about the wire and arguments that nobody gave here."""
    if server.password is None:
        return f"{server.url} wants a password: --password-file FILE before the command, or {PASSWORD_VARIABLE}"
    return f"{server.url} rejected the password (from --password-file, otherwise {PASSWORD_VARIABLE})"


def write(
    server: Server,
    kind: str,
    key: str,
    text: str,
    if_version: int | None,
    *,
    remove_nulls: bool = False,
    ttl_ms: int = 0,
    raw: bool,
) -> int:
    condition = ANY_VERSION if if_version is None else if_version
    if raw:
        if kind == "set":
            body = request.set(key, text.encode(), condition, ttl_ms)
        elif kind == "patch":
            body = request.patch(key, text.encode(), condition, remove_nulls, ttl_ms)
        else:
            body = request.delete(key, condition)
        return _print_raw(server, body, changes=True)
    if kind == "set":
        return _run(server, commands.Set(key, text, if_version, ttl_ms))
    if kind == "patch":
        return _run(server, commands.Patch(key, text, if_version, remove_nulls, ttl_ms))
    return _run(server, commands.Delete(key, if_version))


def get(server: Server, key: str, *, value_only: bool, raw: bool) -> int:
    return _print_raw(server, request.get(key)) if raw else _run(server, commands.Get(key, value_only))


def snapshot(server: Server, *, raw: bool) -> int:
    return _print_raw(server, request.CHECKPOINT) if raw else _run(server, commands.Checkpoint())


def info(server: Server, *, raw: bool) -> int:
    return _print_raw(server, request.INFO) if raw else _run(server, commands.Info())


def ping(server: Server, *, raw: bool) -> int:
    if raw:
        return _print_raw(server, request.PING)
    with connected(server) as handle:
        handle.ping()
    standard_lines().line("pong")
    return exits.OK


def subscribe(server: Server, keys: Sequence[str]) -> int:
    """Print events until Ctrl-C. Raises SubscriberEvictedError if the reader of our output does not keep up."""
    lines = standard_lines()
    with connected(server) as handle, closing(handle.subscribe(keys)) as subscriber:
        for note in filter(None, map(star_note, keys)):
            lines.note(f"note: {escape_text(note)}")
        while True:
            event = _next_event(subscriber, lines)
            if event is not None:
                lines.line(event_json(event))


def _next_event(subscriber: Subscriber, lines: Lines) -> RawEvent | None:
    try:
        event = subscriber.take()
    except ConnectionLostError as error:  # the subscription continues by itself
        lines.error(render.error(str(error)))
        return None
    if event is None:
        subscriber.wait(None)
    return event


def shell(server: Server) -> int:
    with connected(server) as handle:
        if sys.stdin.isatty() and sys.stdout.isatty():
            from fluxdb.cli.shell.terminal import run_terminal

            return run_terminal(handle, _greeting(handle))
        lines = standard_lines()
        events = EventsInTurn(lines.event, lines.error)
        session = Session(handle, events, lines.line)
        try:
            code = run_lines(session, sys.stdin.buffer, lines.error)
        finally:
            session.close()
        events.raise_failure()
        return code


def event_json(event: RawEvent) -> str:
    """Format an event: ``{"key":...,"old":...,"new":...,"version":...,"op":...,"revision":...}``."""
    return f"{{{event_members(event).decode()}}}"


def run(server: Server, command: commands.Command, *, raw: bool) -> int:
    """Run a command; ``raw``: print each answer, also an error, as the line of JSON that a server replies."""
    return _answering(server, raw, lambda session: session.run(command))


def batch(server: Server, source: BinaryIO, *, raw: bool) -> int:
    """Write the batch that the lines of ``source`` describe. A line that is no write of a batch sends nothing."""
    writes = []
    for number, line in enumerate(source, 1):
        try:
            command = parse(line.decode("utf-8", "surrogateescape"))
        except GrammarError as error:
            return _usage_error(f"line {number}: {error}")
        if isinstance(command, commands.Write):
            writes.append(command)
        elif command is not None:
            return _usage_error(f"line {number}: a batch takes SET, PATCH, DELETE, INCREMENT and CHECK")

    def write(session: Session) -> None:
        session.batch.begin()
        for each in writes:
            session.batch.add(each)
        session.run(commands.Commit())

    return _answering(server, raw, write)


def _usage_error(message: str) -> int:
    standard_lines().error(render.error(message))
    return exits.USAGE


def _answering(server: Server, raw: bool, work: Callable[[Session], object]) -> int:
    lines: Lines = standard_lines()
    answers: Answers = Replies() if raw else WORDS
    with connected(server) as handle:
        session = Session(handle, EventsInStep(lines.event, lines.error, answers), lines.line, answers)
        try:
            work(session)
        except FluxDBError as error:
            if not raw:
                raise
            lines.line(answers.error(error, ""))
            return exits.exit_code(error)
    return exits.OK


def _run(server: Server, command: commands.Command) -> int:
    return run(server, command, raw=False)


def _print_raw(server: Server, body: bytes, *, changes: bool = False) -> int:
    """Print the reply's line, also that of an error."""
    with connected(server) as handle:
        line = handle.ask_raw(body, changes=changes)
    found = reply.members(line)
    standard_lines().line(reply.without_id(line).decode())
    return exits.exit_code(failure.failure(found)) if found["kind"] == "error" else exits.OK


def _greeting(handle: RemoteEngine) -> str:
    keys = handle.info().get("keys")
    count = f": {keys:,} {'key' if keys == 1 else 'keys'}" if isinstance(keys, int) else ""
    return f"FluxDB {__version__}, {handle.name}{count}\n{render.HINT}"
