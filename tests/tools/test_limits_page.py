"""docs/limits.md says what fluxdb/limits.py holds."""

from __future__ import annotations

from dataclasses import fields

import pytest

from fluxdb import limits
from tools import limits_page


def test_the_page_is_as_the_limits_are_now() -> None:
    assert limits_page.PAGE.read_text("utf-8") == limits_page.page(), "run python -m tools.limits_page"


def test_every_limit_has_a_row() -> None:
    names = [field.name for kind in (limits.Limits, limits.ServerLimits) for field in fields(kind)]
    names += [limits.SETTINGS_PREFIX + field.name for field in fields(limits.WebLimits)]
    assert [name for name in names if limits_page.page().count(f"| `{name}` |") != 1] == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("key_bytes_max", 1024, "1 KiB"),
        ("key_bytes_max", 65_535, "65,535 bytes"),
        ("log_bytes_max", 4096 << 20, "4 GiB"),
        ("log_bytes_max", 1 << 50, "1 PiB"),
        ("checkpoint_log_bytes", 0, "0"),
        ("value_bytes_max", 1, "1 byte"),
        ("checkpoint_interval_seconds", 600, "600 s"),
        ("checkpoint_interval_seconds", 1 << 31, "2,147,483,648 s"),
        ("handshake_seconds_max", 0.1, "0.1 s"),
        ("certificate_warning_days", 14, "14 days"),
        ("tombstones_max", 65_536, "65,536"),
    ],
)
def test_a_quantity_has_its_unit(name: str, value: float, text: str) -> None:
    assert limits_page.quantity(name, value) == text
