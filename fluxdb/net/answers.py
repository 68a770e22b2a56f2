"""Rare requests that a connection passes to Python: subscriptions, snapshots, info, passwords."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

from fluxdb._core.events.backlog import ClientBacklog
from fluxdb.engine.asked import Asked
from fluxdb.engine.handle import NO_BACKUP
from fluxdb.errors import FluxDBError, InvalidValueError, LimitError, StorageError
from fluxdb.net import lines
from fluxdb.net.listener import UNIX
from fluxdb.net.passwords import TOO_MANY
from fluxdb.net.service import Service
from fluxdb.net.subscriptions import ConnectionSubscriber, Deliveries, EventBell

logger = logging.getLogger("fluxdb.server")


class Client(Protocol):
    """The connection that made a request."""

    subscriptions: dict[str, ConnectionSubscriber]
    backlog: ClientBacklog

    @property
    def address(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def gone(self) -> bool: ...
    @property
    def deliveries(self) -> Deliveries: ...
    def reply(self, ticket: int, line: bytes) -> None:
        """Reply at once, from within answer()."""

    def reply_later(self, ticket: int, line: bytes) -> None:
        """Reply at any time; does nothing if the client is gone."""

    def authenticate(self) -> None: ...


class Answers:
    """The requests that one server answers in Python."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._bell = EventBell(loop)
        self._by_kind: dict[str, Callable[..., bytes | None]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "snapshot": self._snapshot,
            "info": self._info,
            "auth": self._auth,
            "backup": self._backup,
        }

    def answer(
        self, client: Client, ticket: int, kind: str, request_id: bytes, key: str | None, password: bytes | None
    ) -> None:
        """Reply to a request, now or later."""
        try:
            line = self._by_kind[kind](client, ticket, request_id, key=key, password=password)
        except FluxDBError as error:
            self._service.count(kind, True)
            line = lines.error(error, request_id)
        else:
            if line is not None:
                self._service.count(kind, False)
        if line is not None:
            client.reply(ticket, line)

    def _subscribe(self, client: Client, ticket: int, request_id: bytes, *, key: str, **_: Any) -> bytes:
        """Answer for a key that is already watched: changes nothing, replies the same."""
        subscriber = client.subscriptions.get(key)
        if subscriber is not None and subscriber.evicted:
            client.deliveries.deliver([subscriber])  # replies before it begins again
            subscriber = None
        if subscriber is None:
            bound = self._service.limits.subscriptions_max
            if len(client.subscriptions) >= bound:
                raise LimitError(f"{bound} keys are subscribed to on this connection (subscriptions_max)")
            make = cast(
                Any,
                partial(
                    ConnectionSubscriber,
                    deliveries=client.deliveries,
                    number=client.number,
                    bell=self._bell,
                    client=client.backlog,
                ),
            )
            subscriber = cast(ConnectionSubscriber, self._service.engine.notify.subscribe(make, [key]))
            client.subscriptions[key] = subscriber
            if not subscriber.wait():
                self._bell.ring([subscriber])  # in the next turn, after the reply
        return lines.reply({"kind": "subscribed", "key": key, "revision": subscriber.after_revision}, request_id)

    def _unsubscribe(self, client: Client, ticket: int, request_id: bytes, *, key: str, **_: Any) -> bytes:
        """Answer for a key that is not watched: changes nothing. No event of the key follows the reply."""
        subscriber = client.subscriptions.pop(key, None)
        if subscriber is not None:
            subscriber.close()
        return lines.reply({"kind": "ok", "unsubscribed": subscriber is not None}, request_id)

    def _snapshot(self, client: Client, ticket: int, request_id: bytes, **_: Any) -> None:
        """Take a snapshot; the reply comes when it is durable."""
        self._answer_later(client, ticket, request_id, "snapshot", self._service.engine.snapshots.ask())

    def _backup(self, client: Client, ticket: int, request_id: bytes, *, password: bytes, **_: Any) -> None:
        """Make a backup; the reply comes when it is durable. The request carries the folder in place of a password."""
        if client.address != UNIX:
            raise StorageError(NO_BACKUP)
        folder = password.decode()
        if not folder.startswith("/"):
            raise InvalidValueError('"folder" must be an absolute path on this machine')
        backup = self._service.engine.start_backup(folder)
        self._answer_later(client, ticket, request_id, "backup", backup.asked)

    def _answer_later(self, client: Client, ticket: int, request_id: bytes, kind: str, asked: Asked[int]) -> None:
        told = partial(self._tell_revision, client, ticket, request_id, kind, asked)

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                self._service.loop.call_soon_threadsafe(told)

        asked.when_done(tell)

    def _tell_revision(self, client: Client, ticket: int, request_id: bytes, kind: str, asked: Asked[int]) -> None:
        problem = asked.error
        self._service.count(kind, problem is not None)
        if problem is not None:
            if not isinstance(problem, FluxDBError):
                logger.error("a %s failed", kind, exc_info=problem)
            client.reply_later(ticket, lines.error(problem, request_id))
        else:
            client.reply_later(ticket, lines.reply({"kind": "ok", "revision": asked.result()}, request_id))

    def _info(self, client: Client, ticket: int, request_id: bytes, **_: Any) -> bytes:
        return lines.reply({"kind": "info", "info": self._service.info()}, request_id)

    def _auth(self, client: Client, ticket: int, request_id: bytes, *, password: bytes, **_: Any) -> bytes | None:
        if self._service.password is None:
            return lines.reply({"kind": "ok"}, request_id)
        reply = [client.reply]  # from within answer()

        def told(right: bool | None) -> None:
            self._tell_auth(client, ticket, request_id, right, reply[0])

        self._service.password.attempt(password, client.address, told, lambda: not client.gone)
        reply[0] = client.reply_later
        return None

    def _tell_auth(
        self,
        client: Client,
        ticket: int,
        request_id: bytes,
        right: bool | None,
        reply: Callable[[int, bytes], None],
    ) -> None:
        self._service.count("auth", not right)
        if right:
            client.authenticate()
            reply(ticket, lines.reply({"kind": "ok"}, request_id))
        elif right is None:
            reply(ticket, lines.error_reply("auth", TOO_MANY, request_id))
        else:
            logger.warning("%s: a wrong password", client.address)
            reply(ticket, lines.error_reply("auth", "this is not the password", request_id))
