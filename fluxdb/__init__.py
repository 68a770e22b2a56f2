"""FluxDB: a durable, reactive JSON document store."""

from __future__ import annotations

__version__ = "0.1.0"
