"""TLS in front of the reactor, which speaks plain bytes only.

    client --TLS-- socket | pump of the event loop | pair of sockets -- reactor

The event loop decrypts what a client sends into one end of a pair of sockets, and encrypts what comes out of it; the
reactor serves the other end as it serves any client. A direction stops being read while what was read last has no room
in the other socket. So a client that reads nothing costs at most CHUNK_BYTES here, besides what OpenSSL and the
system's buffers hold, and the reactor notices that it is slow.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Protocol

from fluxdb._core.reactor.sending import is_sending
from fluxdb.net.send_buffer import bound_send_buffer

logger = logging.getLogger("fluxdb.server")

HANDSHAKE_SECONDS = 10.0
LINGER_SECONDS = 1.0  # for a client to say that it is done, too, after it has all
UNREAD_SECONDS = 30.0  # until a client is given up that takes nothing of its last replies
LOOK_SECONDS = 0.05  # between looks whether a client has all
RECORD_BYTES = 16 * 1024  # the most that one read from TLS yields
CHUNK_BYTES = 4 * RECORD_BYTES  # passed on at once
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Adopt(Protocol):
    """Hands a plain socket to the reactor. Raises MemoryError; then the socket stays its caller's."""

    def __call__(self, plain: socket.socket, address: str, *, on_gone: Callable[[], None]) -> None: ...


class TlsClients:
    """All clients of one server that speak TLS, from the moment they are accepted until their sockets are closed."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: ssl.SSLContext,
        adopt: Adopt,
        on_gone: Callable[[], None],
        send_buffer_bytes: int,
    ) -> None:
        self.loop = loop
        self.adopt = adopt
        self.send_buffer_bytes = send_buffer_bytes
        self.closing = False
        self.chunk = memoryview(bytearray(CHUNK_BYTES))  # what is being passed on; one pump runs at a time
        self._context = context
        self._on_gone = on_gone
        self._pumps: set[Pump] = set()

    def __len__(self) -> int:
        return len(self._pumps)

    def accept(self, accepted: socket.socket, address: str) -> None:
        """Serve this client, and own its socket. Raises OSError where it has gone already; the socket is closed."""
        encrypted = self._context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        pump = Pump(self, encrypted, address)
        self._pumps.add(pump)
        pump.begin()

    def forget(self, pump: Pump) -> None:
        """Its sockets are closed."""
        self._pumps.discard(pump)
        self._on_gone()

    def drain(self) -> None:
        """End those in their handshake now, the others when they have all of the reactor's answers."""
        self.closing = True
        for pump in [pump for pump in self._pumps if not pump.adopted]:
            pump.close()

    def abort(self) -> None:
        """Close all sockets now."""
        for pump in list(self._pumps):
            pump.close()


class Pump:
    """One client: its encrypted socket, and our end of the pair whose other end the reactor has."""

    def __init__(self, clients: TlsClients, encrypted: ssl.SSLSocket, address: str) -> None:
        self.adopted = False  # by the reactor
        self._clients = clients
        self._loop = clients.loop
        self._address = address
        self._outer = encrypted
        self._inner: socket.socket | None = None
        self._incoming = b""  # received, with no room for it in the pair
        self._outgoing = b""  # of the reactor's, with no room for it at the client
        self._heard_all = False  # the client says no more
        self._said_all = False  # the reactor says no more, and all of it went to the client's socket
        self._reads_when_writable = False  # TLS has something to say before it can read on
        self._closed = False
        self._progress_at = 0.0  # since the reactor let go of it
        self._deadline = self._loop.call_later(HANDSHAKE_SECONDS, self._run, self._give_up_handshake)

    def begin(self) -> None:
        self._loop.add_reader(self._outer.fileno(), self._run, self._shake_hands)

    def _run(self, step: Callable[[], object]) -> None:
        """Run a step that the loop has called for. A client whose connection fails is closed; others go on."""
        if self._closed:
            return
        try:
            step()
        except OSError as error:  # ssl.SSLError is one
            logger.debug("%s: the connection was lost: %s", self._address, error)
            self.close()
        except Exception as error:
            logger.exception("%s: a connection was closed by %s", self._address, type(error).__name__)
            self.close()

    # The handshake

    def _shake_hands(self) -> None:
        self._loop.remove_writer(self._outer.fileno())
        try:
            self._outer.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            self._loop.add_writer(self._outer.fileno(), self._run, self._shake_hands)
            return
        except ssl.SSLError as error:
            self._reject(error)
            return
        self._deadline.cancel()
        try:
            self._connect_reactor()
        except OSError as error:  # no descriptor, no memory
            logger.warning("%s: a connection was closed: %s", self._address, error.strerror)
            self.close()
        else:
            self._read_outer()

    def _reject(self, error: ssl.SSLError) -> None:
        """Reject a client without TLS, or with one that we do not speak: OpenSSL has said why, and the client may read
        it.
        """
        logger.debug("%s: no handshake: %s", self._address, error)
        self._deadline.cancel()
        self._deadline = self._loop.call_later(LINGER_SECONDS, self._run, self.close)
        self._end_stream()

    def _give_up_handshake(self) -> None:
        logger.debug("%s: no handshake in %g seconds", self._address, HANDSHAKE_SECONDS)
        self.close()

    def _connect_reactor(self) -> None:
        self._inner, theirs = socket.socketpair()
        try:
            for end in (self._inner, theirs):
                end.setblocking(False)
                bound_send_buffer(end, self._clients.send_buffer_bytes)
            self._clients.adopt(theirs, self._address, on_gone=self._on_reactor_gone)
        except BaseException:
            theirs.close()
            raise
        self.adopted = True
        self._loop.add_reader(self._inner.fileno(), self._run, self._send)

    def _read_outer(self) -> None:
        self._loop.add_reader(self._outer.fileno(), self._run, self._receive)

    # From the client to the reactor

    def _receive(self) -> None:
        chunk, received = self._clients.chunk, 0
        while received < CHUNK_BYTES:
            try:
                got = self._outer.recv_into(chunk[received : received + RECORD_BYTES])
            except ssl.SSLWantReadError:
                break
            except ssl.SSLWantWriteError:
                self._reads_when_writable = True
                self._loop.remove_reader(self._outer.fileno())
                self._loop.add_writer(self._outer.fileno(), self._run, self._on_outer_writable)
                break
            received += got
            if not got:
                self._heard_all = True
                self._loop.remove_reader(self._outer.fileno())
            if got < RECORD_BYTES:  # else there is probably more
                break
        self._pass_in(chunk[:received])
        if self._outer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):  # uvloop calls once only for such a socket
            self.close()

    def _pass_in(self, data: memoryview) -> None:
        assert self._inner is not None
        try:
            passed = self._inner.send(data) if data else 0
        except BlockingIOError:
            passed = 0
        except OSError:  # the reactor accepts no more: its last bytes are in flight
            passed = len(data)
        self._incoming = bytes(data[passed:])
        if self._incoming:
            self._loop.remove_reader(self._outer.fileno())
            self._loop.add_writer(self._inner.fileno(), self._run, self._on_inner_writable)
        elif self._heard_all:
            with contextlib.suppress(OSError):  # the reactor has gone
                self._inner.shutdown(socket.SHUT_WR)

    def _on_inner_writable(self) -> None:
        assert self._inner is not None
        self._loop.remove_writer(self._inner.fileno())
        self._pass_in(memoryview(self._incoming))
        if not (self._incoming or self._heard_all or self._reads_when_writable):
            self._read_outer()

    # From the reactor to the client

    def _send(self) -> bool:
        """Pass one chunk on; return whether more may follow."""
        assert self._inner is not None
        chunk = self._clients.chunk
        try:
            received = self._inner.recv_into(chunk)
        except BlockingIOError:
            return False
        except ConnectionError:  # it closed its end while bytes of the client were in flight
            received = 0
        if received:
            self._pass_out(chunk[:received])
        else:
            self._leave()
        return received > 0 and not self._outgoing

    def _pass_out(self, data: memoryview) -> None:
        assert self._inner is not None
        try:
            while data:
                data = data[self._outer.send(data) :]
                if self._progress_at:
                    self._progress_at = self._loop.time()
        except ssl.SSLWantWriteError:
            self._loop.remove_reader(self._inner.fileno())
            self._loop.add_writer(self._outer.fileno(), self._run, self._on_outer_writable)
        self._outgoing = bytes(data)

    def _on_outer_writable(self) -> None:
        self._loop.remove_writer(self._outer.fileno())
        if self._outgoing:
            self._pass_out(memoryview(self._outgoing))
            if not self._outgoing and self._inner is not None:
                self._loop.add_reader(self._inner.fileno(), self._run, self._send)
        if self._reads_when_writable and not self._outgoing:
            self._reads_when_writable = False
            if not self._incoming:
                self._read_outer()

    # The end

    def _on_reactor_gone(self) -> None:
        """The reactor has closed its end. The last replies are in the pair, here, or on the way to the client."""
        if not self._closed:
            self._progress_at = self._loop.time()
            self._loop.call_soon(self._run, self._look)

    def _look(self) -> None:
        """Close when the client has all, after a moment; or when it takes nothing for long.

        Else what it says meanwhile would cost it the rest. A server that ends does not wait for that moment, and has
        a deadline for those who take nothing.
        """
        if self._inner is not None and not self._outgoing:  # of an end that was reset uvloop tells once only
            while self._send():
                pass
        if self._closed:
            return
        quiet_seconds = self._loop.time() - self._progress_at
        if self._said_all and not is_sending(self._outer.fileno()):
            if self._clients.closing or quiet_seconds > LINGER_SECONDS:
                self.close()
                return
        elif quiet_seconds > UNREAD_SECONDS and not self._clients.closing:
            self.close()
            return
        self._loop.call_later(LOOK_SECONDS, self._run, self._look)

    def _leave(self) -> None:
        """Say the end of TLS, and that of the stream."""
        assert self._inner is not None
        self._loop.remove_reader(self._inner.fileno())
        self._loop.remove_writer(self._inner.fileno())
        self._inner.close()  # so that the reactor, too, is done with a client that it has sent away
        self._inner = None
        self._incoming = b""
        self._say_end()

    def _say_end(self) -> None:
        outer = self._outer
        self._loop.remove_reader(outer.fileno())
        self._loop.remove_writer(outer.fileno())
        try:
            outer.unwrap()
        except ssl.SSLWantWriteError:
            self._loop.add_writer(outer.fileno(), self._run, self._say_end)
            return
        except OSError:  # the client has not said it yet: nobody waits for that
            pass
        self._said_all = True
        if self._heard_all:
            self.close()
            return
        self._end_stream()

    def _end_stream(self) -> None:
        self._outer.shutdown(socket.SHUT_WR)
        self._loop.add_reader(self._outer.fileno(), self._run, self._drop)

    def _drop(self) -> None:
        """Read on without looking, since a close with something unread costs the client what it has not got yet."""
        try:
            if not self._outer.recv_into(self._clients.chunk):
                self.close()
        except _NOT_NOW:
            pass

    def close(self) -> None:
        """Close both sockets. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._deadline.cancel()
        for end in (self._outer, self._inner):
            if end is not None:
                self._loop.remove_reader(end.fileno())
                self._loop.remove_writer(end.fileno())
                end.close()
        self._clients.forget(self)
