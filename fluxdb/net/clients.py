"""The clients of a server: the compiled reactor serves them in its own threads; here is what it passes to Python.

Rare requests arrive as upcalls, through a descriptor of the event loop; events go the other way (deliveries).
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable

from fluxdb._core.commit.channel import Channel
from fluxdb._core.reactor.reactor import HAS_EPOLL, Reactor
from fluxdb.net import lines
from fluxdb.net.deliveries import EventDeliveries
from fluxdb.net.service import Service
from fluxdb.net.subscriptions import EVENTS_BYTES_MAX, ConnectionSubscriber

CLOSE_SECONDS = 1.0  # for a running sync when the reactor closes
AUTH_OUTPUT_BYTES_MAX = 4096  # unread, of a client that has not given the password yet

with_epoll = HAS_EPOLL  # False: poll(2) waits for the sockets

logger = logging.getLogger("fluxdb.server")


class Client:
    """One client as Python knows it. ``on_gone`` is called when the reactor has closed its socket."""

    __slots__ = ("_clients", "address", "backlog", "number", "on_gone", "subscriptions")

    def __init__(self, clients: Clients, address: str, number: int, on_gone: Callable[[], None] | None) -> None:
        self._clients = clients
        self.address = address  # of the peer; the Unix socket's is "unix"
        self.number = number
        self.on_gone = on_gone
        self.subscriptions: dict[str, ConnectionSubscriber] = {}
        self.backlog = clients.service.client_backlog()

    @property
    def gone(self) -> bool:
        return self._clients.has_gone(self.number)

    @property
    def deliveries(self) -> Clients:
        return self._clients

    def reply(self, ticket: int, line: bytes) -> None:
        self._clients.reactor.reply(self.number, ticket, line)

    reply_later = reply

    def authenticate(self) -> None:
        limits = self._clients.service.limits
        self._clients.reactor.authenticate(
            self.number, line_bytes_max=limits.line_bytes_max, output_bytes_max=limits.output_bytes_max
        )

    def send_away(self, line: bytes) -> None:
        self.unsubscribe_all()
        self._clients.reactor.send_away(self.number, line)

    def unsubscribe_all(self) -> None:
        for subscriber in self.subscriptions.values():
            subscriber.close()
        self.subscriptions.clear()


class Clients:
    """All clients of one server, which closes them."""

    def __init__(self, service: Service) -> None:
        limits = service.limits
        self.service = service
        self.reactor = Reactor(
            Channel(service.engine.committer),
            events_bytes_max=EVENTS_BYTES_MAX,
            input_bytes_max=limits.input_bytes_max,
            input_message=lines.too_much_input(limits.input_bytes_max),
            unread_bytes_max=limits.unread_bytes_max,
            with_epoll=with_epoll,
        )
        self._deliveries = EventDeliveries(self.reactor.push, self._on_evicted)
        self._clients: dict[int, Client] = {}
        self._pumped = 0  # clients whose bytes come through a pump
        self._cut_off = 0
        service.loop.add_reader(self.reactor.fd, self._on_news)

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def direct(self) -> int:
        """Number of clients whose own sockets the reactor has: those without TLS."""
        return len(self._clients) - self._pumped

    @property
    def subscribers(self) -> int:
        return sum(len(client.subscriptions) for client in self._clients.values())

    def adopt(self, plain: socket.socket, address: str, *, on_gone: Callable[[], None] | None = None) -> None:
        """Serve this socket, and own it. A pump's ``on_gone`` is called when the reactor has closed it.

        Raises MemoryError; then the socket stays its caller's."""
        limits, authenticated = self.service.limits, self.service.password is None
        number = self.reactor.adopt(
            plain.fileno(),
            line_bytes_max=limits.line_bytes_max if authenticated else limits.auth_line_bytes_max,
            output_bytes_max=limits.output_bytes_max if authenticated else AUTH_OUTPUT_BYTES_MAX,
            authenticated=authenticated,
        )
        plain.detach()
        self._clients[number] = Client(self, address, number, on_gone)
        self._pumped += on_gone is not None

    def _on_news(self) -> None:
        requests, gone, roomy = self.reactor.news()
        for number in gone:  # first: whatever fails below, a gone client is not kept, and needs no answer
            self._forget(number)
        if gone:
            self.service.note_gone()
        for number, ticket, kind, request_id, key, password in requests:
            client = self._clients.get(number)
            if client is not None:
                try:
                    self.service.answer(client, ticket, kind, request_id, key, password)
                except Exception as error:
                    client.reply(
                        ticket, lines.error(error, request_id)
                    )  # otherwise the farewell would wait for it for ever
                    self._fail(client, error)
        for number in roomy:
            client = self._clients.get(number)
            if client is not None:
                try:
                    self._deliveries.catch_up(number, client.subscriptions.values())
                except Exception as error:
                    self._fail(client, error)

    def has_gone(self, number: int) -> bool:
        return number not in self._clients

    def _forget(self, number: int) -> None:
        client = self._clients.pop(number, None)
        self._deliveries.forget(number)
        if client is not None:
            client.unsubscribe_all()
            self._end_pump(client)

    def _end_pump(self, client: Client) -> None:
        if client.on_gone is not None:
            self._pumped -= 1
            client.on_gone()

    def _fail(self, client: Client, error: Exception) -> None:
        """Close a client after an unexpected error, which affects no other."""
        logger.error("%s: a connection was closed by %s", client.address, type(error).__name__, exc_info=error)
        client.send_away(lines.unexpected(error))

    # Events

    def deliver(self, subscribers: Iterable[ConnectionSubscriber]) -> None:
        self._deliveries.deliver(subscribers)

    def _on_evicted(self, subscriber: ConnectionSubscriber, last_revision: int) -> None:
        key = subscriber.keys[0]
        client = self._clients.get(subscriber.number)
        if client is not None and client.subscriptions.get(key) is subscriber:
            del client.subscriptions[key]
            self.service.note_eviction(client.address)
            self.reactor.push([subscriber.number], lines.evicted(key, last_revision), always=True)
        subscriber.close()

    # Time, and the end

    def tick(self) -> None:
        limits = self.service.limits
        cut_off = self.reactor.cut_off
        if cut_off != self._cut_off:
            logger.warning(
                "%d clients were disconnected: clients had more than %d bytes to read (unread_bytes_max)",
                cut_off - self._cut_off,
                limits.unread_bytes_max,
            )
            self._cut_off = cut_off
        unheard, idle = self.reactor.tick(limits.first_line_seconds, limits.idle_seconds)
        for number in unheard:
            self._clients[number].send_away(lines.unheard(limits.first_line_seconds))
        for number in idle:
            if not self._clients[number].subscriptions:
                self._clients[number].send_away(lines.idle(limits.idle_seconds))

    def close(self) -> None:
        self.service.loop.remove_reader(self.reactor.fd)
        if not self.reactor.close(CLOSE_SECONDS):
            logger.warning("the disk does not answer: a group of writes is still being synced, its outcome is unknown")
        for client in self._clients.values():
            client.unsubscribe_all()
        self._clients.clear()
        self._pumped = 0
