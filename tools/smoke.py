"""The shortest use of an installed FluxDB: writes, reads, reopens, in ./fluxdb-data."""

from __future__ import annotations

import asyncio
from pathlib import Path

import fluxdb
import fluxdb.aio

FOLDER = "fluxdb-data"


def write() -> None:
    with fluxdb.open(FOLDER) as db:
        version = db.set("user", {"name": "vaibhav"})
        assert version == 1
        assert db.patch("user", {"age": 21}, if_version=version) == 2


def read() -> None:
    with fluxdb.open(FOLDER) as db:
        document = db.get("user")
        assert document is not None
        assert document.value == {"name": "vaibhav", "age": 21}
        assert document.version == 2


async def write_and_read_without_blocking() -> None:
    async with fluxdb.aio.open(FOLDER) as db:
        await db.set("city", "Pune")
        document = await db.get("city")
        assert document is not None
        assert document.value == "Pune"


if __name__ == "__main__":
    write()
    read()
    asyncio.run(write_and_read_without_blocking())
    print(f"fluxdb {fluxdb.__version__} from {Path(fluxdb.__file__).parent} works")
