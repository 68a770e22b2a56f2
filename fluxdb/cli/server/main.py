"""``fluxdb-server``: serves a database to programs on the network or on this machine."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import click
import orjson

import fluxdb
from fluxdb.cli.folder import ExpandedPath, Folder
from fluxdb.cli.output import standard_lines
from fluxdb.cli.server.help import LOG, NETWORK, PAGE, SECURITY, SETTINGS, STORAGE, SectionedCommand
from fluxdb.cli.server.settings import (
    Port,
    check_origins,
    config_lines,
    limit_options,
    limits_of,
    misspelt_variables,
    read_certificate,
    read_config,
    read_hosts,
    read_server_password,
    setting,
    split_address,
)
from fluxdb.cli.text import one_line

logger = logging.getLogger("fluxdb.server")

_PATH = ExpandedPath(path_type=Path)


@click.command(cls=SectionedCommand, context_settings={"auto_envvar_prefix": "FLUXDB", "max_content_width": 110})
@setting(
    "--data-dir",
    section=STORAGE,
    type=Folder(path_type=Path),
    default="fluxdb-data",
    show_default=True,
    metavar="DIR",
    help="Folder of the database.",
)
@setting(
    "--create/--no-create",
    section=STORAGE,
    default=True,
    show_default=True,
    help="Make the database if it is missing, or end with an error: the disk may not be mounted yet.",
)
@setting(
    "--host",
    section=NETWORK,
    multiple=True,
    default=["127.0.0.1"],
    show_default=True,
    callback=read_hosts,
    metavar="HOST",
    help="Address or name to listen on; can be given several times. Other machines can connect only if there is a "
    "password.",
)
@setting(
    "--port",
    section=NETWORK,
    type=Port(),
    default=7000,
    show_default=True,
    metavar="PORT",
    help="Port for every --host; 0 picks a free one.",
)
@setting(
    "--unix", section=NETWORK, type=_PATH, metavar="PATH", help="Unix socket to listen on as well, for its owner only."
)
@setting(
    "--password-file",
    section=SECURITY,
    type=_PATH,
    metavar="FILE",
    help="File of one line, the password (-: the first line of stdin). Without it, FLUXDB_PASSWORD in the environment "
    "is the password.",
)
@setting("--tls-cert", section=SECURITY, type=_PATH, metavar="FILE", help="Certificate chain, as PEM: turns TLS on.")
@setting("--tls-key", section=SECURITY, type=_PATH, metavar="FILE", help="Key, as PEM, if it is not in the same file.")
@setting("--web", section=PAGE, metavar="HOST:PORT", help="Serve the live page, /metrics and /healthz at this address.")
@setting(
    "--web-origin",
    section=PAGE,
    multiple=True,
    callback=check_origins,
    metavar="URL",
    help="Origin under which browsers reach the page, if not the name in --web; or another page that may connect. As "
    "http(s)://HOST[:PORT]; can be given several times.",
)
@setting(
    "--log-level",
    section=LOG,
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="warning",
    show_default=True,
    help="Log messages of this level and above to stderr.",
)
@setting("--log-json", section=LOG, is_flag=True, help="Log each line as JSON.")
@setting(
    "--config",
    section=SETTINGS,
    type=_PATH,
    callback=read_config,
    is_eager=True,
    metavar="FILE",
    help="Read settings from this TOML file.",
)
@setting(
    "--print-config",
    section=SETTINGS,
    is_flag=True,
    allow_from_autoenv=False,
    help="Print the settings, each with its origin, and end.",
)
@limit_options
@click.version_option(fluxdb.__version__, message="fluxdb %(version)s", allow_from_autoenv=False)
@click.help_option("-h", "--help", allow_from_autoenv=False)
@click.pass_context
def main(context: click.Context, /, **settings: Any) -> None:
    """Serve the database in DIR on HOST:PORT, until SIGTERM or SIGINT.

    Each option can also be set by an environment variable (FLUXDB_DATA_DIR for --data-dir) or in the TOML file of
    --config (data_dir = "..."). A flag overrides the environment, the environment overrides the file.

    On SIGHUP the server reads its certificate, the key and the password file again, for new connections. When its
    terminal closes, it stops as on SIGTERM; under nohup it continues.

    Exit codes: 0 stopped by a signal, 1 unexpected error, 2 usage, 5 storage, or an address that it can't listen on.
    """
    if settings["print_config"]:
        for line in list(config_lines(context)):
            standard_lines().line(line)
        limits_of(settings)  # a server with these limits would not start either
        return
    log_to_stderr(settings["log_level"], settings["log_json"])
    for warning in misspelt_variables(context):
        logger.warning("%s", warning)
    from fluxdb.cli.server.run import Serving, serve

    limits, server_limits, web_limits = limits_of(settings)
    serve(
        Serving(
            hosts=settings["host"],
            port=settings["port"],
            unix=settings["unix"],
            data_dir=settings["data_dir"],
            create=settings["create"],
            password=read_server_password(settings["password_file"]),
            password_file=settings["password_file"],
            certificate=read_certificate(settings["tls_cert"], settings["tls_key"]),
            web=split_address(settings["web"]) if settings["web"] else None,
            web_origins=settings["web_origin"],
            limits=limits,
            server_limits=server_limits,
            web_limits=web_limits,
        )
    )


class _Plain(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(one_line, super().format(record).split("\n")))


class _Json(_Plain):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(told).decode()


def log_to_stderr(level: str, as_json: bool) -> None:
    """Log fluxdb.* to stderr, from ``level`` on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if as_json else _Plain("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("fluxdb")
    logger.handlers[:] = [handler]  # replaces the one that shows warnings
    logger.setLevel(level.upper())


if __name__ == "__main__":
    main()
