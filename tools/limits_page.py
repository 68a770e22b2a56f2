"""docs/limits.md, made from fluxdb/limits.py and the help of its settings: python -m tools.limits_page"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from fluxdb import limits
from fluxdb.cli.server.setting_help import HELP

PAGE = Path(__file__).resolve().parent.parent / "docs" / "limits.md"

HEAD = """\
# Limits

<!-- Made by tools/limits_page.py; not to be edited. -->

Everything in FluxDB has a limit, every limit has a default and a setting, and INFO shows all of them. An operation over
a limit is rejected with an error naming the limit; nothing is written.

Set the limits of a database with `fluxdb.open(path, limits=fluxdb.Limits(value_bytes_max=...))`. A server has an option
for each of its limits and of its database's: `--value-bytes-max` on the command line, `FLUXDB_VALUE_BYTES_MAX` in the
environment, `value_bytes_max` in the TOML file. A value outside the range is rejected when the database is opened or
the server starts.
"""

DATABASE = "\n## Database\n\nThe fields of `fluxdb.Limits`.\n\n"
SERVER = "\n## Server\n\nPer connection, unless stated otherwise.\n\n"
WEB = "\n## Live page\n\nPer open page, unless stated otherwise.\n\n"

ORDERED = """
## Limits that depend on each other

The first of each pair must be at most the second, because it counts towards it:

"""

SERVED = """
A server must be able to serve everything that its database may hold. So `line_bytes_max` must leave room for the
longest SET, `unread_bytes_max` for the longest reply, and `client_event_bytes_max` for one subscriber's queue.
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, DATABASE, table(limits.Limits(), limits.RANGES), SERVER]
    parts += [table(limits.ServerLimits(), limits.SERVER_RANGES), WEB]
    parts += [table(limits.WebLimits(), limits.WEB_RANGES, limits.SETTINGS_PREFIX)]
    parts += [ORDERED, "".join(f"- `{part}` and `{whole}`\n" for part, whole in limits.ORDERS), SERVED]
    return "".join(parts)


def table(
    defaults: limits.Limits | limits.ServerLimits | limits.WebLimits,
    ranges: Mapping[str, tuple[float, float]],
    prefix: str = "",
) -> str:
    """Return a row for each limit: its setting, what it bounds, its default and its range."""
    return "| setting | limit | default | range |\n|---|---|---|---|\n" + "".join(_rows(defaults, ranges, prefix))


def _rows(
    defaults: limits.Limits | limits.ServerLimits | limits.WebLimits,
    ranges: Mapping[str, tuple[float, float]],
    prefix: str,
) -> Iterator[str]:
    for field in fields(defaults):
        name = field.name
        low, high = (quantity(name, bound) for bound in ranges[name])
        default = quantity(name, getattr(defaults, name))
        yield f"| `{prefix}{name}` | {HELP[prefix + name]} | {default} | {low} to {high} |\n"


def quantity(name: str, value: float) -> str:
    """Return a value with its unit, which the setting's name tells."""
    if "_seconds" in name:
        return f"{value:,g} s" if value < 100_000 else f"{value:,.0f} s"
    if name.endswith("_days"):
        return f"{value:,} days"
    if "bytes" not in name.split("_"):
        return f"{value:,}"
    for unit, size in (("PiB", 1 << 50), ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value and value % size == 0:
            return f"{value // size:,} {unit}"
    return "0" if not value else "1 byte" if value == 1 else f"{value:,} bytes"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
