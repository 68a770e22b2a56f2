"""The tests' look behind the public classes: the revision of a write, and the digest of the state."""

from __future__ import annotations

import json
from typing import Any, cast

from fluxdb.aio import FluxDB as AsyncFluxDB
from fluxdb.engine.handle import Written
from fluxdb.engine.local.engine import Engine
from fluxdb.sync import FluxDB
from tests.support.model import fingerprint

__all__ = ["AsyncFluxDB", "FluxDB", "digest", "read_all", "write", "write_async"]


def write(db: FluxDB, kind: str, key: str, argument: Any = None) -> Written | None:
    """Do it; version and revision, None where there was nothing to delete."""
    if kind == "delete":
        return db.handle.delete(key)
    text = json.dumps(argument).encode()
    if kind == "set":
        return db.handle.set(key, text)
    return db.handle.patch(key, text, remove_nulls=kind == "patch_remove_nulls")


async def write_async(db: AsyncFluxDB, kind: str, key: str, argument: Any = None) -> Written | None:
    """As write()."""
    if kind == "delete":
        return await db.handle.delete(key)
    text = json.dumps(argument).encode()
    if kind == "set":
        return await db.handle.set(key, text)
    return await db.handle.patch(key, text, remove_nulls=kind == "patch_remove_nulls")


def digest(db: FluxDB) -> str:
    """Return the digest of documents, versions, tombstones and revision."""
    return cast(Engine, db.handle)._database.documents.digest()


def read_all(db: FluxDB, keys: list[str]) -> dict[str, Any]:
    """Revision, digest, and a fingerprint of the documents of these keys; there must be no others."""
    documents = {}
    for key in keys:
        document = db.get(key)
        if document is not None:
            documents[key] = (document.value, document.version)
    info = db.info()
    assert info["keys"] == len(documents), f"{info['keys']} keys, of which {len(documents)} were ever written"
    return {"revision": info["revision"], "digest": digest(db), "fingerprint": fingerprint(documents), "error": ""}
