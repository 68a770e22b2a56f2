"""One client's socket, where the event loop serves it: with TLS, or on a system without epoll.

Bytes go to the compiled connection, its replies back; and here is decided when to stop reading.

Reading stops while requests wait for something (a group that is full, replies before them), and while the client has
left more than ``output_bytes_max`` of its replies unread. Events stop earlier, at EVENTS_BYTES_MAX: so a subscriber
that does not keep up is evicted by its feed, while the replies of its connection still flow.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Iterable
from typing import cast

from fluxdb._core.reactor.sending import is_sending
from fluxdb._core.serve.sans_io import Connection
from fluxdb.net import lines
from fluxdb.net.deliveries import EventDeliveries
from fluxdb.net.service import Service
from fluxdb.net.subscriptions import EVENTS_BYTES_MAX, ConnectionSubscriber

logger = logging.getLogger("fluxdb.server")

LINGER_SECONDS = 1.0  # for a client to read why it is sent away
LEAVING_SECONDS = 0.05  # between looks whether all was sent to a client that is being closed
COUNTED_BYTES = 64 * 1024  # of a request that is not whole; what is less does not count as memory in use


class ClientProtocol(asyncio.Protocol):
    """One client."""

    def __init__(self, service: Service[ClientProtocol], address: str, *, secure: bool) -> None:
        self.service = service
        self.address = address  # of the peer; the Unix socket's is "unix"
        self.number = 0  # deliveries are for this one alone
        self.subscriptions: dict[str, ConnectionSubscriber] = {}
        self.backlog = service.client_backlog()
        self.connection = Connection(
            service.hub,
            line_bytes_max=service.limits.auth_line_bytes_max if service.password else service.limits.line_bytes_max,
            authenticated=service.password is None,
            output_bytes_max=service.limits.output_bytes_max,
        )
        self.tick = service.tick  # of the last bytes
        self.born = service.tick
        self.adoption: asyncio.Task[None] | None = None  # what connects it, until it is the server's
        self.lost = False
        self.draining = False  # reads no more; is closed when all it has asked for is answered
        self.ending = False  # is being sent away; what comes is dropped
        self._leaving = False  # drained: is being closed
        self._said_all = False  # the client has
        self._secure = secure
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)  # until connection_made
        self._reading = True
        self._sending_slow = False  # the transport's buffer is over EVENTS_BYTES_MAX
        self._full = False  # over output_bytes_max, too
        self._behind = False  # there was no room for events
        self._deliveries = EventDeliveries(self._push, self._on_evicted)
        self._input_bytes = 0  # as the server counts them

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=EVENTS_BYTES_MAX)
        self.service.add(self)

    def data_received(self, data: bytes) -> None:
        if self.ending or self._leaving:
            return
        self.tick = self.service.tick
        try:
            self.connection.feed(data)
        except MemoryError as error:
            self._fail(error)
            return
        self.pump()

    def eof_received(self) -> bool:
        """The client has said all: it gets its replies, then the connection is closed."""
        if self.ending or self._leaving:
            return False
        self._said_all = True
        self.drain()
        return not self._secure and not self._transport.is_closing()  # True: the other half stays open

    def pause_writing(self) -> None:
        self._sending_slow = True

    def resume_writing(self) -> None:
        self._sending_slow = self._full = False
        self.pump()

    def connection_lost(self, error: Exception | None) -> None:
        if self.lost:
            return
        self.lost = True
        self._transport.abort()  # does nothing; but Python 3.10 would warn of a TLS transport that was never closed
        self.connection.close()
        self._count_input(0)
        for subscriber in self.subscriptions.values():
            subscriber.close()
        self.subscriptions.clear()
        self.service.remove(self)

    def give_up(self) -> None:
        """Its connecting was cancelled: uvloop, which may have made the connection by then, tells no more of it."""
        if self.service.has(self):
            self.connection_lost(None)

    # Requests and replies

    def pump(self) -> None:
        """Answer what has come, send what may be sent."""
        if self.lost:
            return
        connection = self.connection
        try:
            if not self._full:
                while (request := connection.next_request()) is not None:
                    self.service.answer(self, *request)
            data = connection.take()
        except Exception as error:
            self._fail(error)
            return
        if data:
            self._transport.write(data)
        if (
            self._sending_slow
            or not self._reading
            or connection.stalled
            or connection.choked
            or connection.ended
            or self._behind
        ):
            self._settle(bool(data))
        self._count_input(connection.unread_bytes)

    def reply(self, ticket: int, line: bytes) -> None:
        """From within answer(), or later by reply_later()."""
        self.connection.reply(ticket, line)

    def reply_later(self, ticket: int, line: bytes) -> None:
        if not self.lost:
            self.connection.reply(ticket, line)
            self.pump()

    @property
    def paused(self) -> bool:
        return not self._reading

    @property
    def output_bytes(self) -> int:
        """Waiting to be sent."""
        return self._transport.get_write_buffer_size()

    def authenticate(self) -> None:
        self.connection.authenticated = True
        self.connection.line_bytes_max = self.service.limits.line_bytes_max

    def _settle(self, progress: bool) -> None:
        """Not the straight way: something waits, or has waited."""
        connection, transport = self.connection, self._transport
        if connection.ended:
            self.send_away(None)
            return
        if self._behind and not self._sending_slow:
            self._behind = False
            self._deliveries.catch_up(self.number, self.subscriptions.values())
        self._full = self._sending_slow and transport.get_write_buffer_size() > self.service.limits.output_bytes_max
        waits = connection.stalled or connection.choked
        if connection.choked and progress and not self._full:
            self.service.loop.call_soon(self.pump)  # after the others had their turn
        if self.draining:
            if not waits and not self._full and not connection.pending and not self._leaving:
                self._leaving = True
                self._leave()
            return
        reading = not waits and not self._full
        if reading != self._reading:
            self._reading = reading
            if reading:
                transport.resume_reading()
            else:
                transport.pause_reading()

    def _count_input(self, unread_bytes: int) -> None:
        counted = unread_bytes if unread_bytes > COUNTED_BYTES else 0
        if counted != self._input_bytes:
            self.service.input_bytes += counted - self._input_bytes
            self._input_bytes = counted
            if counted and self.service.input_bytes > self.service.limits.input_bytes_max:
                self.send_away(lines.too_much_input(self.service.limits.input_bytes_max))

    def _fail(self, error: Exception) -> None:
        """Something that nobody expected: this client alone pays for it."""
        logger.error("%s: a connection was closed by %s", self.address, type(error).__name__, exc_info=error)
        self._transport.abort()

    # Events

    @property
    def gone(self) -> bool:
        return self.lost or self.ending

    @property
    def deliveries(self) -> ClientProtocol:
        return self

    def deliver(self, subscribers: Iterable[ConnectionSubscriber]) -> None:
        """Take what these have, as far as there is room, and send it."""
        if not (self.lost or self.ending):
            self._deliveries.deliver(subscribers)

    def _push(self, numbers: list[int], lines_of_events: bytes) -> list[int]:
        if self._sending_slow or self.connection.held_bytes > EVENTS_BYTES_MAX:
            self._behind = True
            return numbers
        self._send_event(lines_of_events)
        return []

    def _send_event(self, line: bytes) -> None:
        self.connection.push(line)
        data = self.connection.take()
        if data:
            self._transport.write(data)

    def _on_evicted(self, subscriber: ConnectionSubscriber, last_revision: int) -> None:
        if self.subscriptions.pop(subscriber.keys[0], None) is not None:
            self.service.note_eviction(self.address)
            self._send_event(lines.evicted(subscriber.keys[0], last_revision))
        subscriber.close()

    # The end

    def drain(self) -> None:
        """Read no more; close when all that was asked for is answered."""
        if self.lost or self.ending or self.draining:
            return
        self.draining = True
        if self._reading:
            self._reading = False
            self._transport.pause_reading()
        self.pump()

    def _leave(self) -> None:
        """Close; but not before the client's system has all: what is said meanwhile would cost it the rest.

        One that has said all says no more, and whoever drains has a deadline for the others.
        """
        descriptor = self._descriptor()
        if self.lost or descriptor is None:
            return
        if not self._said_all and (self._transport.get_write_buffer_size() or is_sending(descriptor)):
            self.service.loop.call_later(LEAVING_SECONDS, self._leave)
            return
        if self._secure:
            self._transport.resume_reading()  # TLS that met the end while it was paused would never close
        self._transport.close()  # after what is in its buffer was sent; once: TLS could not be aborted after a second
        if self._secure:
            self._leave_tls()

    def _leave_tls(self) -> None:
        """The transport says the end of TLS, then waits for the client to say it, too: an idle one may never do.

        So once all is said, no more is heard from the client: to the transport it has ended, and what the system has
        not taken yet is sent before the socket is closed.
        """
        descriptor = self._descriptor()
        if self.lost or descriptor is None:
            return
        if self._transport.get_write_buffer_size():
            self.service.loop.call_later(LEAVING_SECONDS, self._leave_tls)
            return
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
            same.shutdown(socket.SHUT_RD)

    def _descriptor(self) -> int | None:
        """None of a connection that is lost: uvloop's TLS knows it some turns before it calls connection_lost."""
        found = self._transport.get_extra_info("socket")
        return None if found is None else int(found.fileno())

    def send_away(self, line: bytes | None) -> None:
        """Say why, read on without looking at it for a moment (else the words could be lost), and close."""
        if self.ending or self.lost or self._leaving:
            return
        self.ending = True
        self.connection.close()
        if line is not None:
            self._transport.write(line)
        for subscriber in self.subscriptions.values():
            subscriber.close()
        self.subscriptions.clear()
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self.service.loop.call_later(LINGER_SECONDS, self._transport.abort)
        else:
            self._transport.close()
            self.service.loop.call_later(LINGER_SECONDS, self._transport.abort)

    def abort(self) -> None:
        self._transport.abort()
