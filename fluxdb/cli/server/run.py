"""A server process, from opening the folder to its last message: open, listen, announce, wait for a signal, drain,
close.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import logging
import os
import resource
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

import fluxdb
from fluxdb.cli.folder import folder_line
from fluxdb.cli.output import standard_lines
from fluxdb.cli.server.reloading import Reloading
from fluxdb.cli.server.signals import Signals
from fluxdb.engine.local.engine import Engine
from fluxdb.engine.local.loop import LoopEngine
from fluxdb.limits import Limits, ServerLimits, WebLimits
from fluxdb.net.certificate import Certificate
from fluxdb.net.health import problems
from fluxdb.net.listener import Listener, distinct, is_loopback, listen_tcp, listen_unix
from fluxdb.net.server import Server
from fluxdb.net.web.metrics import render
from fluxdb.net.web.server import WebServer, start_web
from fluxdb.opening import open_engine

logger = logging.getLogger("fluxdb.server")

CLOSE_SECONDS = 1.5  # for closing the database after drain_seconds; more if draining took less
CLOSE_SECONDS_MIN = 0.5
DESCRIPTORS_WITH_TLS = 3  # per client: its socket, and the pair between the pump and the reactor
DESCRIPTORS_SPARE = 128  # for files, and for connections being rejected


@dataclass(frozen=True, kw_only=True)
class Serving:
    """The settings of one server process."""

    hosts: tuple[str, ...]
    port: int  # of all hosts; 0: a free port of the first one
    unix: Path | None
    data_dir: Path
    create: bool = True
    password: str | None
    password_file: Path | None  # where the password came from; None: the environment
    certificate: Certificate | None
    web: tuple[str, int] | None
    web_origins: tuple[str, ...]
    limits: Limits
    server_limits: ServerLimits
    web_limits: WebLimits


def check_exposure(serving: Serving) -> None:
    """Check that other machines can't connect without a password. Raises UsageError."""
    for host in (*serving.hosts, *((serving.web[0],) if serving.web else ())):
        if serving.password is None and not is_loopback(host):
            raise click.UsageError(
                f"other machines can reach {host}: set a password (--password-file FILE, or FLUXDB_PASSWORD in "
                "the environment), or listen on 127.0.0.1"
            )


def serve(serving: Serving) -> None:
    """Serve until a signal. Raises FluxDBError, OSError if it can't begin."""
    check_exposure(serving)
    web_connections_max = serving.web_limits.connections_max if serving.web is not None else 0
    each = 1 if serving.certificate is None else DESCRIPTORS_WITH_TLS
    _raise_descriptor_limit(serving.server_limits.connections_max * each + web_connections_max + DESCRIPTORS_SPARE)
    loop = _new_loop()
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(_serve(serving))
        loop.run_until_complete(_cancel_the_rest())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        loop: asyncio.AbstractEventLoop = importlib.import_module("uvloop").new_event_loop()
    except ImportError:
        loop = asyncio.new_event_loop()
    return loop


async def _serve(serving: Serving) -> None:
    signals = Signals()
    engine = await asyncio.to_thread(open_engine, serving.data_dir, serving.limits, create=serving.create)
    try:
        if not signals.stopping.is_set():
            await _run(serving, engine, signals)
    finally:
        await _close(engine, signals.seconds_left(serving.server_limits.drain_seconds + CLOSE_SECONDS))


async def _cancel_the_rest() -> None:
    """Cancel TLS handshakes with the page that are still running."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=1.0)


def _client_address(tcp: Sequence[Listener], unix: Listener | None, *, secure: bool) -> str:
    """Return the address under which a client on this machine reaches the server, as --addr takes it."""
    if not tcp:
        return f"fluxdb+unix://{unix.name}" if unix is not None else ""
    host, _, port = tcp[0].name.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    return f"{'fluxdbs://' if secure else ''}{host}:{port}"


async def _run(serving: Serving, engine: Engine, signals: Signals) -> None:
    certificate = serving.certificate
    tls = None if certificate is None else certificate.context
    server = Server(
        engine,
        limits=serving.server_limits,
        password=None if serving.password is None else serving.password.encode(),
        tls=tls,
        web_limits=serving.web_limits if serving.web is not None else None,
        version=fluxdb.__version__,
    )
    signals.abort.append(server.abort)
    watching: asyncio.Task[None] | None = None
    if certificate is not None:
        certificate.warn(server.limits.certificate_warning_days)
        watching = asyncio.create_task(certificate.watch(server.limits.certificate_warning_days))
    line = standard_lines().line
    web: WebServer | None = None
    try:
        tcp: list[Listener] = []
        for host in distinct(serving.hosts):
            port = tcp[0].port if tcp else serving.port
            with _place(_address(host, port), "--host, --port (0 picks one)"):
                tcp.append(server.listen(listen_tcp(host, port)))
        with _place(str(serving.unix), "--unix, in a folder that exists and is writable"):
            unix = server.listen(listen_unix(serving.unix)) if serving.unix is not None else None
        if serving.web is not None:
            with _place(_address(*serving.web), "--web (port 0 picks one)"):
                web = await start_web(
                    LoopEngine(engine, closes_engine=False),
                    *serving.web,
                    origins=serving.web_origins,
                    password=serving.password,
                    tls=tls,
                    metrics=lambda: render(server, web, certificate),
                    problems=lambda: problems(server),
                    count=server.count,
                    limits=serving.web_limits,
                )
            signals.abort.append(web.abort)
            line(f"web page on {web.url}")
        if logger.isEnabledFor(logging.WARNING):
            standard_lines().note(f"database {folder_line(engine.info())}")
        engine.announce(_client_address(tcp, unix, secure=tls is not None))
        if unix is not None:
            line(f"server listening on {unix.name}")
        for listener in tcp:
            line(f"server listening on {listener.name}")
        signals.on_reload(Reloading(server, web, certificate, serving.password_file).reload)
        await signals.stopping.wait()
        logger.info("stopping: pending requests are answered")
    finally:
        if watching is not None:
            watching.cancel()
        await _drain(server, web)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.contextmanager
def _place(name: str, way_out: str) -> Iterator[None]:
    """If listening fails in the body, say where, why, and how to choose another place."""
    try:
        yield
    except OSError as error:
        # asyncio's message names the address once more; the number of a look-up error is of another kind.
        number = error.errno or 0
        why = os.strerror(number) if number > 0 else error.strerror or str(error)
        raise OSError(number or errno.EINVAL, f"{why}: choose another by {way_out}", name) from None


async def _drain(server: Server, web: WebServer | None) -> None:
    """Stop all ports at once, with one deadline: none accepts clients while another still waits for its own."""
    server.stop_listening()
    closing = [server.close()]
    if web is not None:
        web.stop_listening()
        closing.append(web.close(server.limits.drain_seconds))
    await asyncio.gather(*closing)


async def _close(engine: Engine, seconds: float) -> None:
    """Close the database. All acknowledged writes are durable, so if the disk hangs, nothing is lost by not waiting."""
    seconds = max(seconds, CLOSE_SECONDS_MIN)
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def close() -> None:
        try:
            engine.close()
        finally:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=close, name="fluxdb-close", daemon=True).start()
    try:
        await asyncio.wait_for(closed.wait(), seconds)
    except asyncio.TimeoutError:
        logger.warning("the database did not close within %.1f seconds; all acknowledged writes are kept", seconds)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _raise_descriptor_limit(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    if soft < wanted:
        logger.warning("the system allows %d descriptors, too few for connections_max", soft)
