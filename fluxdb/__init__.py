"""FluxDB: a durable, reactive JSON document store.

    with fluxdb.open("data") as db:
        version = db.set("user", {"name": "vaibhav"})  # durable when it returns
        db.patch("user", {"age": 21}, if_version=version)
        db.get("user")  # Document(value={"name": "vaibhav", "age": 21}, version=2)

``fluxdb.aio`` offers the same methods, awaited.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from fluxdb._core.base.model import Document, Event
from fluxdb.api.batches import Batch, BatchResult
from fluxdb.api.transactions import Transaction
from fluxdb.errors import (
    AuthError,
    ClosedError,
    ConnectionLostError,
    CorruptionError,
    DiskFullError,
    FluxDBError,
    ForkedError,
    InvalidKeyError,
    InvalidValueError,
    LimitError,
    LockedError,
    PoisonedError,
    RequestTimeoutError,
    StorageError,
    SubscriberEvictedError,
    VersionConflictError,
)
from fluxdb.limits import DEFAULT_LIMITS, Limits
from fluxdb.sync import FluxDB, Subscription, open

if TYPE_CHECKING:
    from types import ModuleType

    from fluxdb import aio

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_LIMITS",
    "AuthError",
    "Batch",
    "BatchResult",
    "ClosedError",
    "ConnectionLostError",
    "CorruptionError",
    "DiskFullError",
    "Document",
    "Event",
    "FluxDB",
    "FluxDBError",
    "ForkedError",
    "InvalidKeyError",
    "InvalidValueError",
    "LimitError",
    "Limits",
    "LockedError",
    "PoisonedError",
    "RequestTimeoutError",
    "StorageError",
    "Subscription",
    "SubscriberEvictedError",
    "Transaction",
    "VersionConflictError",
    "aio",
    "open",
]


def __getattr__(name: str) -> ModuleType:
    """Import ``fluxdb.aio`` on first use: importing asyncio takes longer than all the rest."""
    if name == "aio":
        return import_module("fluxdb.aio")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
