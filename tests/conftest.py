"""What every test stands on: the settings of hypothesis, and a loud word where tests that need root are left out."""

from __future__ import annotations

import os

import hypothesis
import pytest

# No deadlines: how long an example takes says nothing on a machine that does other things besides.
hypothesis.settings.register_profile("fluxdb", deadline=None, print_blob=True)
hypothesis.settings.load_profile("fluxdb")

NEEDS_ROOT = "NOT RUN: needs root"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason=NEEDS_ROOT))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.getreports("skipped") if NEEDS_ROOT in str(report.longrepr)]
    if skipped:
        terminalreporter.section("left out", red=True)
        terminalreporter.line(f"{len(skipped)} tests need root and were not run: run them with sudo, or in a container")
