"""``fluxdb-server --help``: its many options in sections, by topic."""

from __future__ import annotations

from typing import Final

import click

from fluxdb.cli.program import Tool

STORAGE: Final = "Storage"
NETWORK: Final = "Network"
SECURITY: Final = "Security"
PAGE: Final = "Live page, metrics, health"
LOG: Final = "Log"
SETTINGS: Final = "Settings"
DATABASE_LIMITS: Final = "Limits of the database"
SERVER_LIMITS: Final = "Limits of the server (of one connection, unless it says otherwise)"
PAGE_LIMITS: Final = "Limits of the live page (of one open page, unless it says otherwise)"
SECTIONS: Final = (STORAGE, NETWORK, SECURITY, PAGE, LOG, SETTINGS, DATABASE_LIMITS, SERVER_LIMITS, PAGE_LIMITS)


class SectionedCommand(Tool):
    """A command that shows its options by ``section``; those without one come last, as options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: dict[str, list[tuple[str, str]]] = {section: [] for section in (*SECTIONS, "Options")}
        for option in self.get_params(ctx):
            row = option.get_help_record(ctx)
            if row is not None:
                rows[getattr(option, "section", "Options")].append(row)
        for section, found in rows.items():
            if found:
                with formatter.section(section):
                    formatter.write_dl(found, col_max=40)
