"""``fluxdb``: the terminal, pipes, ``exec``, and the tools for a folder that no process has open.

Each command imports only what it needs: ``fluxdb exec`` in a script should not pay for a line editor.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import click

import fluxdb
from fluxdb.cli.folder import ExpandedPath, Folder, Place
from fluxdb.cli.own_variables import warn_of_misspelt
from fluxdb.cli.program import Program
from fluxdb.cli.shell.commands import NAMES

DATA_DIR = "fluxdb-data"


_ELSEWHERE = {
    "serve": "fluxdb-server",
    "server": "fluxdb-server",
    "start": "fluxdb-server",
    "shell": "fluxdb, without a command, for a folder; fluxdb-client shell for a server",
    "open": "fluxdb PATH",
    "client": "fluxdb-client",
    "connect": "fluxdb-client --addr HOST:PORT shell",
    "ping": "fluxdb-client ping",
    "bench": "fluxdb-bench",
}
_ADDRESS = re.compile(r"[^/]*:[0-9]+|[A-Za-z+]+://.*")


class Terminal(Program):
    """``fluxdb PATH`` is short for ``fluxdb --data-dir PATH``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = _first_word(self, args)
        if at < len(args) and self._is_folder(args[at]):
            if any(word.startswith("--data-dir") for word in args[:at]):
                raise click.UsageError(f"{args[at]}: --data-dir was already given", ctx)
            args = ["--data-dir", *args]
        return super().parse_args(ctx, args)

    def meant(self, args: list[str]) -> str:
        word = args[0]
        if word.partition(" ")[0].upper() in NAMES:
            return f"Did you mean fluxdb exec {shlex.quote(' '.join(args))}?"
        if word in _ELSEWHERE:
            return f"That is {_ELSEWHERE[word]}"
        if _ADDRESS.fullmatch(word):
            return f"For a server: fluxdb-client --addr {shlex.quote(word)} shell"
        named = shlex.quote(f"./{word}")
        return super().meant(args) or f"No folder has that name either; fluxdb {named} makes it and opens it"

    def _is_folder(self, word: str) -> bool:
        """Tell a path from a mistyped command: it has a slash, or the folder exists."""
        if word in self.commands or _ADDRESS.fullmatch(word):
            return False
        return "/" in word or word.startswith("~") or word in (".", "..") or Path(word).is_dir()


def _first_word(command: click.Command, args: list[str]) -> int:
    """Return the index of the first argument that is neither an option nor an option's value."""
    with_value = {
        name
        for option in command.params
        if isinstance(option, click.Option) and not option.is_flag
        for name in option.opts
    }
    at = 0
    while at < len(args) and args[at].startswith("-"):
        at += 2 if args[at] in with_value else 1
    return at


_FOLDER = Folder(readable=False, path_type=Path)  # storage says what is wrong with it, and the way out
_DIRECTORY = click.argument("directory", type=_FOLDER, metavar="DIR")


@click.group(
    cls=Terminal,
    invoke_without_command=True,
    subcommand_metavar="[PATH | COMMAND [ARGS]...]",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--data-dir",
    type=_FOLDER,
    default=DATA_DIR,
    envvar="FLUXDB_DATA_DIR",
    show_default=True,
    show_envvar=True,
    metavar="DIR",
    help="The folder of the database, made if it is missing.",
)
@click.option("--no-create", is_flag=True, help="End with an error if the database is missing.")
@click.option("--read-only", is_flag=True, help="Only read: no byte on the disk changes.")
@click.version_option(fluxdb.__version__, message="fluxdb %(version)s")
@click.pass_context
def main(context: click.Context, data_dir: Path, no_create: bool, read_only: bool) -> None:
    """Without a command: open the terminal, or run each line of a pipe (also after one that failed).

    fluxdb PATH opens the folder PATH, as fluxdb --data-dir PATH does. A word without a slash is a command, unless a
    folder of that name exists.

    Exit codes: 0 ok, 1 the database said no, 2 usage (an option, a command, JSON), 5 storage, 130 Ctrl-C, 141 the
    reader of the output went away. For several lines, the gravest failure counts.
    """
    warn_of_misspelt("data_dir", "history")
    context.obj = place = Place(data_dir, create=not no_create, read_only=read_only)
    if context.invoked_subcommand is None:
        from fluxdb.cli.fluxdb import run as online

        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        context.exit(online.talk(place) if terminal else online.run_pipe(place))


@main.command("exec")
@click.option("--data-dir", type=_FOLDER, default=None, metavar="DIR", help="The same as --data-dir before exec.")
@click.option("--json", "as_json", is_flag=True, help="Print answers as a server replies: a line of JSON each.")
@click.argument("commands", nargs=-1, required=True)
@click.pass_context
def execute(context: click.Context, data_dir: Path | None, as_json: bool, commands: tuple[str, ...]) -> None:
    """Run each COMMAND, such as 'GET user'.

    Stops at the first failure; runs nothing if a command can't be parsed. fluxdb exec HELP lists the commands. For a
    pipe, 'GET --value user' prints only the value.
    """
    from fluxdb.cli.fluxdb import run as online

    place: Place = context.obj
    if data_dir is not None:
        place = place._replace(data_dir=data_dir)
    context.exit(online.run_exec(place, commands, as_json=as_json))


@main.command()
@_DIRECTORY
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON.")
@click.pass_context
def info(context: click.Context, directory: Path, as_json: bool) -> None:
    """Show what the database in DIR holds.

    Includes the digest of its state. Changes nothing.
    """
    from fluxdb.cli.fluxdb import offline

    context.exit(offline.info(directory, as_json))


@main.command()
@_DIRECTORY
@click.pass_context
def check(context: click.Context, directory: Path) -> None:
    """Look for damage in the database in DIR.

    Reads every byte that matters, and changes nothing. Exit code 0 if all is well, 5 if something is damaged.
    """
    from fluxdb.cli.fluxdb import offline

    context.exit(offline.check(directory))


@main.command()
@_DIRECTORY
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_context
def repair(context: click.Context, directory: Path, yes: bool) -> None:
    """Make a damaged database in DIR open again.

    Keeps everything that can be proven, and reports what was lost. Every file that it changes is kept under a name that
    ends in .broken. Asks for confirmation on a terminal.
    """
    from fluxdb.cli.fluxdb import offline

    context.exit(offline.repair(directory, yes))


@main.command()
@_DIRECTORY
@click.option(
    "-o", "--output", type=ExpandedPath(path_type=Path), default="-", metavar="FILE", help="Write there, not to stdout."
)
@click.pass_context
def dump(context: click.Context, directory: Path, output: Path) -> None:
    """Write the database in DIR as JSON Lines.

    Each line has a key, its value and version. Changes nothing. FILE appears when the dump is complete. `fluxdb load`
    makes the same state from it.
    """
    from fluxdb.cli.fluxdb import offline

    context.exit(offline.dump(directory, output))


@main.command()
@_DIRECTORY
@click.argument("file", type=ExpandedPath(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.pass_context
def load(context: click.Context, directory: Path, file: Path) -> None:
    """Make a new database in DIR from FILE.

    FILE (- for stdin) is a dump, or lines such as {"key":"a","value":1}. All or nothing. DIR must be missing or empty.
    """
    from fluxdb.cli.fluxdb import offline

    context.exit(offline.load(directory, file))


@main.command()
@_DIRECTORY
@click.argument("destination", type=_FOLDER, metavar="DEST")
@click.pass_context
def backup(context: click.Context, directory: Path, destination: Path) -> None:
    """Copy the database in DIR to the new folder DEST.

    DEST must be missing or empty, and gets its name when the copy is whole and was read back. To restore, open it, or
    a copy of it. Changes nothing in DIR.
    """
    from fluxdb.cli.fluxdb import offline

    context.exit(offline.backup(directory, destination))


if __name__ == "__main__":
    main()
