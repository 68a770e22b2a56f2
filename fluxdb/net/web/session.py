"""One WebSocket of the live page: requests one after the other, events in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from fluxdb.engine.local.loop import LoopEngine
from fluxdb.errors import AuthError, FluxDBError, LimitError
from fluxdb.limits import WebLimits
from fluxdb.net.web import members, messages
from fluxdb.net.web.access import Access
from fluxdb.net.web.commands import SECOND_NAMES, Commands
from fluxdb.net.web.events import PageEvents
from fluxdb.net.web.members import Members, RequestError

logger = logging.getLogger("fluxdb.web")

GOING_AWAY = 1001  # close codes of RFC 6455
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
WIRE_KINDS = {"delete": "del"}  # by type, where the wire has another name

Count = Callable[[str, bool], None]


def count_nothing(kind: str, refused: bool) -> None:
    pass


class Session:
    """A message is answered before the next is looked at, so a client that does not read is not read from either.

    What is sent is put together under a lock and waits for room in the connection's buffer: of all its subscriptions
    one message at a time is in memory besides. Events that can't be sent stay in the engine's bounded queue.
    """

    def __init__(
        self,
        connection: ServerConnection,
        engine: LoopEngine,
        access: Access,
        limits: WebLimits,
        count: Count = count_nothing,
    ) -> None:
        self._connection = connection
        self._engine = engine
        self._access = access
        self._limits = limits
        self._count = count
        self._authenticated = not access.wants_password
        self._auth_failures = 0
        self._busy = False  # with a request
        self._ending = False
        self._sending = asyncio.Lock()
        self._backlog = engine.engine.notify.client_backlog(limits.client_event_bytes_max)
        self._events = PageEvents(self._send, self._end_events)
        commands = Commands(engine)
        self._keyless = commands.keyless
        self._keyed: dict[str, Callable[[str, Members], Awaitable[bytes]]] = {
            **commands.keyed,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
        }

    @property
    def subscriptions(self) -> int:
        return len(self._events)

    async def run(self) -> None:
        """Serve until the connection ends, from either side."""
        try:
            while True:
                wait = None if self._authenticated else self._limits.auth_seconds_max
                message = await asyncio.wait_for(self._connection.recv(), wait)
                self._busy = True
                await self._take(message)
                self._busy = False
                if self._ending:
                    await self._connection.close(GOING_AWAY)
        except ConnectionClosed:
            pass
        except asyncio.TimeoutError:
            await self._connection.close(POLICY_VIOLATION, "no password")
        except Exception:
            logger.exception("a connection of the live page failed")
            await self._connection.close(INTERNAL_ERROR)
        finally:
            self._events.end()

    async def end(self) -> None:
        """Close after the answer to the pending request."""
        self._ending = True
        if not self._busy:
            await self._connection.close(GOING_AWAY)

    async def _take(self, message: str | bytes) -> None:
        request: Members = {}
        kind = ""
        try:
            if isinstance(message, bytes):
                raise RequestError("a message is text: a JSON object")
            request = members.members_of(message)
            kind = members.string(request, "type")
            kind = SECOND_NAMES.get(kind, kind)
            answer = await self._answer(kind, request)
        except FluxDBError as error:
            self._count(WIRE_KINDS.get(kind, kind) if kind in self._types else "invalid", True)
            await self._send(partial(messages.error_message, error, request))
            if self._auth_failures >= self._limits.auth_failures_max:
                await self._connection.close(POLICY_VIOLATION, "wrong password")
        else:
            self._count(WIRE_KINDS.get(kind, kind), False)
            await self._send(answer)

    @property
    def _types(self) -> tuple[str, ...]:
        return "auth", *self._keyless, *self._keyed

    async def _answer(self, kind: str, request: Members) -> Callable[[], bytes]:
        """Do what is asked; what makes the answer."""
        id_text = request.get("id", "")
        if id_text and not messages.is_id(id_text):
            raise RequestError("the member id is a number or a string")
        if kind == "auth":
            await self._authenticate(members.string(request, "password"))
            return partial(messages.response, "auth", "", id_text, b'{"kind":"ok"}')
        if not self._authenticated:
            raise AuthError("this server wants a password first")
        if kind in self._keyless:
            return partial(messages.response, kind, "", id_text, await self._keyless[kind](request))
        if kind not in self._keyed:
            raise RequestError(f"the type is none of {', '.join(self._types)}")
        key = members.key(request)
        return partial(messages.response, kind, key, id_text, await self._keyed[kind](key, request))

    async def _send(self, make: Callable[[], bytes]) -> None:
        async with self._sending:
            await self._connection.send(make(), text=True)

    async def _authenticate(self, password: str) -> None:
        if not await self._access.check_password(password, peer_of(self._connection)):
            self._auth_failures += 1
            raise AuthError("the password is wrong")
        self._authenticated = True

    async def _subscribe(self, key: str, request: Members) -> bytes:
        if key not in self._events:
            if len(self._events) >= self._limits.subscriptions_max:
                raise LimitError(f"a connection has at most {self._limits.subscriptions_max} subscriptions")
            # The reply is the next to take the lock, so the first event comes after it.
            self._events.add(key, await self._engine.subscribe([key], client=self._backlog))
        return b'{"kind":"subscribed","key":%s}' % request["key"].encode()

    async def _unsubscribe(self, key: str, request: Members) -> bytes:
        self._events.drop(key)
        return b'{"kind":"ok"}'

    async def _end_events(self, closed: bool) -> None:
        if closed:
            await self._connection.close(GOING_AWAY, "the database was closed")
        else:
            await self._connection.close(INTERNAL_ERROR)


def peer_of(connection: ServerConnection) -> str:
    """The address of the other side."""
    address = connection.remote_address
    return str(address[0]) if address else ""
