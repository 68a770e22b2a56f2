"""Opening a database: replay of its log, and loading of its snapshot."""

from __future__ import annotations

import shutil

import fluxdb
from benchmarks.common import NO_CHECKPOINTS, fill, new_folder, size

DOCUMENTS = size(100_000)


class Opening:
    """asv removes the folder of ``setup_cache``, and with it the copies."""

    timeout = 300
    params = ("empty", "log", "snapshot")
    param_names = ("from",)

    def setup_cache(self) -> dict[str, str]:
        folders = {name: new_folder() for name in self.params}
        fluxdb.open(folders["empty"]).close()
        fill(folders["log"], DOCUMENTS)
        shutil.copytree(folders["log"], folders["snapshot"], dirs_exist_ok=True)
        with fluxdb.open(folders["snapshot"], limits=NO_CHECKPOINTS) as db:
            db.checkpoint()
        return folders

    def time_open_and_close(self, folders: dict[str, str], source: str) -> None:
        fluxdb.open(folders[source], limits=NO_CHECKPOINTS).close()
