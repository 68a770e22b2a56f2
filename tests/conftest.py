"""The base of every test: the settings of hypothesis, and a loud message if tests are left out."""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest

# No deadlines: how long an example takes says nothing on a machine that does other things besides.
hypothesis.settings.register_profile("fluxdb", deadline=None, print_blob=True)
hypothesis.settings.load_profile("fluxdb")

# A shell starts its background jobs deaf to Ctrl-C, and their children are, too: the programs that are tested must not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

NEEDS_ROOT = "NOT RUN: needs root"
NEEDS_WEB_FRAMEWORK = "NOT RUN: needs fastapi, uvicorn and gunicorn"
NEEDS_BROWSER = "NOT RUN: needs Chromium"
NEEDS_MEMORY_GROUP = "NOT RUN: needs a cgroup that limits memory"
REMEDIES = {
    NEEDS_WEB_FRAMEWORK: "need a web framework and were not run: pip install fastapi uvicorn gunicorn uvicorn-worker",
    NEEDS_ROOT: "need root and were not run: run them with sudo, or in a container",
    NEEDS_MEMORY_GROUP: "need a cgroup (version 2 or 1) that limits memory and were not run: run them as root on Linux",
    NEEDS_BROWSER: "need Chromium and playwright and were not run: apt-get install chromium, pip install playwright",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason=NEEDS_ROOT))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [str(report.longrepr) for report in terminalreporter.getreports("skipped")]
    for reason, remedy in REMEDIES.items():
        number = sum(reason in words for words in skipped)
        if number:
            terminalreporter.section("left out", red=True)
            terminalreporter.line(f"{number} tests {remedy}")
