"""``fluxdb-client``: one command for a server, or the shell."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import click

import fluxdb
from fluxdb._core.documents.documents import NUMBER_MAX
from fluxdb.cli.client.parameters import Command, JsonText, Key, Milliseconds, Prefix
from fluxdb.cli.connecting import DEFAULT_ADDRESS, Seconds, Server, server_url
from fluxdb.cli.folder import ExpandedPath
from fluxdb.cli.own_variables import warn_of_misspelt
from fluxdb.cli.password import read_password
from fluxdb.cli.program import Program
from fluxdb.cli.shell import commands
from fluxdb.engine.ranges import ScanRange

KEY = click.argument("key", type=Key())
JSON = click.argument("json", metavar="JSON", type=JsonText())
TTL = click.option(
    "--ttl",
    "ttl_ms",
    type=Milliseconds(),
    default=0,
    metavar="SECONDS",
    help="The document expires after so long.",
)
json_option = click.option("--json", "raw", is_flag=True, help="Print the server's reply as it is.")
IF_VERSION = click.option(
    "--if-version", type=click.IntRange(0, NUMBER_MAX), metavar="N", help="Only if the version is N."
)


_NAMES = {"del": "delete", "snapshot": "checkpoint"}  # second names, as on the wire
_TOOLS = frozenset({"check", "repair", "backup"})  # commands of fluxdb, for a folder


class Client(Program):
    """Find commands as the shell does: in any case, and by their second names."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        name = name.lower()
        return super().get_command(ctx, _NAMES.get(name, name))

    def meant(self, args: list[str]) -> str:
        if args[0] in _TOOLS:
            return f"That is for a folder that no process has open: fluxdb {args[0]} DIR"
        return super().meant(args)


@click.group(cls=Client, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--addr",
    default=DEFAULT_ADDRESS,
    envvar="FLUXDB_ADDR",
    show_default=True,
    show_envvar=True,
    metavar="HOST:PORT",
    help="The server; PORT alone: this machine. Or fluxdb://HOST:PORT, fluxdbs://HOST:PORT (TLS), fluxdb+unix:///PATH.",
)
@click.option(
    "--password-file",
    type=ExpandedPath(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="A file of one line, the password (-: the first line of stdin); the default is FLUXDB_PASSWORD.",
)
@click.option(
    "--timeout",
    type=Seconds(0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up on a server that does not answer for this long.",
)
@click.option("--tls", is_flag=True, help="Talk TLS.")
@click.option(
    "--tls-ca",
    type=ExpandedPath(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The certificates to trust, instead of the system's.",
)
@json_option
@click.version_option(fluxdb.__version__, message="fluxdb-client %(version)s")
@click.pass_context
def main(
    context: click.Context,
    addr: str,
    password_file: Path | None,
    timeout: float,
    tls: bool,
    tls_ca: Path | None,
    raw: bool,
) -> None:
    """Run one command on a FluxDB server, or talk to it in the shell.

    Exit codes: 0 ok, 1 the database said no, 2 usage (an option, a command, JSON), 3 can't connect or timed out, 4 not
    authenticated, 5 storage, 130 Ctrl-C, 141 the reader of the output went away.
    """
    warn_of_misspelt("addr", "password", "history")
    url = server_url(addr, tls or tls_ca is not None)
    trusted = None if tls_ca is None else _trusting(tls_ca)
    context.obj = Server(url, read_password(password_file), timeout, trusted, raw=raw)


def _trusting(path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(path))
    except ssl.SSLError as error:
        raise click.BadParameter(f"no certificates: {error.reason}", param_hint="--tls-ca") from None


def _command(name: str, *parameters: Callable[[Any], Any], as_json: bool = True) -> Callable[[Any], Any]:
    """Register a command; it gets the server as its first argument, and returns the exit code."""

    def register(function: Callable[..., int]) -> Callable[..., int]:
        def run(**arguments: Any) -> None:
            context = click.get_current_context()
            if as_json:
                arguments["raw"] = arguments["raw"] or context.obj.raw
            elif context.obj.raw:
                reason = "it prints for people" if name == "shell" else "it says nothing on stdout"
                raise click.UsageError(f"--json is not for {name}: {reason}", context)
            context.exit(function(context.obj, **arguments))

        run.__doc__ = function.__doc__
        wrapped: Any = run
        if as_json:
            wrapped = json_option(wrapped)
        for parameter in reversed(parameters):
            wrapped = parameter(wrapped)
        main.command(name, cls=Command, context_settings={"ignore_unknown_options": True})(wrapped)
        return function

    return register


@_command("set", IF_VERSION, TTL, KEY, JSON)
def _set(server: Server, key: str, json: str, if_version: int | None, ttl_ms: int, raw: bool) -> int:
    """Store JSON under KEY."""
    from fluxdb.cli.client import run as remote

    return remote.write(server, "set", key, json, if_version, ttl_ms=ttl_ms, raw=raw)


@_command(
    "patch", IF_VERSION, TTL, click.option("--remove-nulls", is_flag=True, help="A null removes the member."), KEY, JSON
)
def _patch(
    server: Server, key: str, json: str, if_version: int | None, remove_nulls: bool, ttl_ms: int, raw: bool
) -> int:
    """Merge JSON into the document of KEY."""
    from fluxdb.cli.client import run as remote

    return remote.write(server, "patch", key, json, if_version, remove_nulls=remove_nulls, ttl_ms=ttl_ms, raw=raw)


@_command("touch", IF_VERSION, KEY, click.argument("ttl_ms", metavar="SECONDS|never", type=Milliseconds(never=True)))
def _touch(server: Server, key: str, ttl_ms: int, if_version: int | None, raw: bool) -> int:
    """Let KEY expire after SECONDS, or never."""
    from fluxdb.cli.client import run as remote

    return remote.run(server, commands.Touch(key, ttl_ms, if_version), raw=raw)


@_command("delete", IF_VERSION, KEY)
def _delete(server: Server, key: str, if_version: int | None, raw: bool) -> int:
    """Delete the document of KEY (also: del)."""
    from fluxdb.cli.client import run as remote

    return remote.write(server, "del", key, "", if_version, raw=raw)


@_command("get", click.option("--value", "value_only", is_flag=True, help="Print only the value, for | jq."), KEY)
def _get(server: Server, key: str, value_only: bool, raw: bool) -> int:
    """Print the document of KEY, or nil.

    With --value, print only its value, as one line of JSON; exit code 1 if the key does not exist.
    """
    from fluxdb.cli.client import run as remote

    if raw and value_only:
        raise click.UsageError("--value prints the value, --json the whole reply: choose one")
    return remote.get(server, key, value_only=value_only, raw=raw)


PREFIX = click.argument("prefix", default="", type=Prefix())
_RANGE = (
    click.option("--limit", type=click.IntRange(1, NUMBER_MAX), metavar="N", help="At most so many."),
    click.option("--reverse", is_flag=True, help="From the last key to the first."),
    click.option("--after", type=Key(), metavar="KEY", help="Only after this key, in the direction of the scan."),
    click.option("--start", type=Key(), metavar="KEY", help="Only this key and those after it."),
    click.option("--end", type=Key(), metavar="KEY", help="Only keys before this one."),
    PREFIX,
)


@_command("keys", *_RANGE)
def _keys(server: Server, raw: bool, **bounds: Any) -> int:
    """Print the keys that begin with PREFIX, in order."""
    from fluxdb.cli.client import run as remote

    return remote.run(server, commands.Scan(ScanRange(**bounds), keys_only=True), raw=raw)


@_command("scan", *_RANGE)
def _scan(server: Server, raw: bool, **bounds: Any) -> int:
    """Print the documents of keys with PREFIX, in order.

    With --json, a line for each page, as the server replies.
    """
    from fluxdb.cli.client import run as remote

    return remote.run(server, commands.Scan(ScanRange(**bounds)), raw=raw)


@_command("count", PREFIX)
def _count(server: Server, prefix: str, raw: bool) -> int:
    """Print the number of documents whose keys begin with PREFIX."""
    from fluxdb.cli.client import run as remote

    return remote.run(server, commands.Count(prefix), raw=raw)


@_command(
    "increment",
    IF_VERSION,
    click.option("--path", default="", metavar="/PATH", help="The number's place in the document, a JSON Pointer."),
    KEY,
    click.argument("by", type=click.IntRange(-NUMBER_MAX, NUMBER_MAX), default=1),
)
def _increment(server: Server, key: str, by: int, path: str, if_version: int | None, raw: bool) -> int:
    """Add BY, or 1, to the number of KEY.

    With --path, to a number inside its document. A missing one counts as 0.
    """
    from fluxdb.cli.client import run as remote

    return remote.run(server, commands.Increment(key, by, path, if_version), raw=raw)


@_command("batch", click.argument("source", metavar="[FILE]", default="-", type=click.File("rb")))
def _batch(server: Server, source: BinaryIO, raw: bool) -> int:
    """Write what the lines of FILE say, all or nothing.

    FILE is stdin by default. Each line is SET, PATCH, DELETE, INCREMENT or CHECK, as in the shell. If one of them is
    wrong, nothing is sent.
    """
    from fluxdb.cli.client import run as remote

    return remote.batch(server, source, raw=raw)


@_command(
    "dump",
    click.argument("target", metavar="FILE", type=ExpandedPath(path_type=Path)),
    click.option("--prefix", default="", type=Prefix(), help="Only keys that begin with it."),
    as_json=False,
)
def _dump(server: Server, target: Path, prefix: str) -> int:
    """Write the documents to FILE as JSON Lines.

    A line has key, value and version; - is stdout. It is read page by page while others write, and each page is at one
    revision. fluxdb load makes a database of it.
    """
    from fluxdb.cli.client import transfer

    return transfer.dump(server, target, prefix)


@_command("load", click.argument("source", metavar="FILE", type=click.File("rb")), as_json=False)
def _load(server: Server, source: BinaryIO) -> int:
    """Store the documents of FILE, such as a dump.

    A line is JSON, with key and value; - is stdin. They are written in batches, in the order of the lines, over what is
    there; each key gets its next version.
    """
    from fluxdb.cli.client import transfer

    return transfer.load(server, source)


@_command("checkpoint")
def _snapshot(server: Server, raw: bool) -> int:
    """Make the server write a snapshot (also: snapshot)."""
    from fluxdb.cli.client import run as remote

    return remote.snapshot(server, raw=raw)


@_command("ping")
def _ping(server: Server, raw: bool) -> int:
    """Check that the server answers."""
    from fluxdb.cli.client import run as remote

    return remote.ping(server, raw=raw)


@_command("info")
def _info(server: Server, raw: bool) -> int:
    """Print the server's state, counters and limits."""
    from fluxdb.cli.client import run as remote

    return remote.info(server, raw=raw)


@_command("subscribe", click.argument("keys", nargs=-1, required=True, metavar="KEY...", type=Key()))
def _subscribe(server: Server, keys: tuple[str, ...], raw: bool) -> int:
    """Print each change of KEY as a line of JSON, until Ctrl-C.

    --json makes no difference. After a lost connection the client reconnects, and stderr says that events may have been
    missed.
    """
    from fluxdb.cli.client import run as remote

    return remote.subscribe(server, keys)


@_command("shell", as_json=False)
def _shell(server: Server) -> int:
    """Talk to the server in a terminal.

    With history, completion, and events while you type. From a pipe, it runs each line, and prints other clients'
    events between them, as long as the pipe is open.
    """
    from fluxdb.cli.client import run as remote

    return remote.shell(server)


if __name__ == "__main__":
    main()
