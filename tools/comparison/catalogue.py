"""Every figure, in the order of the table. The modules that need the database are imported when they are measured."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from tools.comparison.figure import Bound, Figure, Measurement
from tools.comparison.setting import Setting


def _later(name: str) -> Callable[[Setting], Measurement]:
    """A broken or missing module then fails its own figures, not the whole run."""
    module, _, function = name.partition(":")

    def measure(setting: Setting) -> Measurement:
        found: Callable[[Setting], Measurement] = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        return found(setting)

    return measure


def _ratio(relation: str, limit: float) -> Bound:
    return Bound("ratio", "<=" if relation == "<=" else ">=", limit)


def _ours(relation: str, limit: float) -> Bound:
    return Bound("ours", "<=" if relation == "<=" else ">=", limit)


FIGURES = (
    Figure(
        "lone-set",
        "one thread, sync SET, p50",
        "bare pwrite + fdatasync",
        "us",
        _later("writes:lone_p50"),
        _ratio("<=", 1.3),
        _ratio("<=", 1.1),
    ),
    Figure(
        "lone-set-rate",
        "one thread, sync SET rate",
        "SQLite WAL FULL",
        "/s",
        _later("writes:lone_rate"),
        _ratio(">=", 1.1),
        _ratio(">=", 1.3),
    ),
    Figure(
        "threads-set-rate",
        "16 threads, sync SET rate",
        "SQLite WAL FULL, one writer",
        "/s",
        _later("writes:threads_rate"),
        _ratio(">=", 4),
        _ratio(">=", 7),
    ),
    Figure(
        "coroutines-set-rate",
        "100 coroutines, SET rate",
        "bare, one at a time",
        "/s",
        _later("writes:coroutines_rate"),
        _ratio(">=", 15),
        _ratio(">=", 30),
    ),
    Figure(
        "get-rate",
        "sync GET of 50 bytes, rate",
        "orjson.loads(dict[key])",
        "k/s",
        _later("reads:get_rate"),
        _ratio(">=", 0.4),
        _ratio(">=", 0.8),
    ),
    Figure(
        "memory",
        "memory per document",
        "Redis used_memory per key",
        "B",
        _later("memory:bytes_per_document"),
        _ours("<=", 160),
        _ours("<=", 121),
    ),
    Figure(
        "open-snapshot",
        "open from a snapshot",
        "redis-server loads its RDB",
        "s",
        _later("opening:open_snapshot"),
        _ours("<=", 2),
        _ratio("<=", 1),
    ),
    Figure(
        "replay-rate",
        "replay of log records",
        "",
        "k/s",
        _later("opening:replay_rate"),
        _ours(">=", 500),
        _ours(">=", 2_000),
    ),
    Figure(
        "checkpoint-p99",
        "p99 of SET during a checkpoint, one thread",
        "p99 without",
        "us",
        _later("checkpointing:p99_one_thread"),
        _ratio("<=", 5),
        _ratio("<=", 1.5),
    ),
    Figure(
        "checkpoint-p99-coroutines",
        "p99 of SET during a checkpoint, 100 coroutines",
        "p99 without",
        "us",
        _later("checkpointing:p99_coroutines"),
        _ratio("<=", 5),
        _ratio("<=", 1.5),
    ),
    *(
        Figure(
            f"merge-{name}",
            f"merge-patch of 1 KB, {title}",
            "orjson, Python merge, orjson",
            "k/s",
            _later(f"merging:{name.replace('-', '_')}_rate"),
            _ratio(">=", 5),
            _ratio(">=", 20),
        )
        for name, title in (("flat-strings", "flat strings"), ("nested", "nested"), ("numbers", "numbers"))
    ),
)
