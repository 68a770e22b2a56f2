"""A checkpoint of all documents, with nothing else going on, against Redis SAVE of the same."""

from __future__ import annotations

import shutil
from contextlib import ExitStack

import fluxdb
from tools.comparison import documents
from tools.comparison.builds import NO_CHECKPOINTS
from tools.comparison.figure import Measurement, Turn
from tools.comparison.memory import redis_folder
from tools.comparison.peers import MissingPeerError
from tools.comparison.redis import Redis
from tools.comparison.setting import Setting
from tools.comparison.turns import seconds


def checkpoint(setting: Setting) -> Measurement:
    """Seconds. One document is written before each, so that there is something to do."""
    notes = [f"{setting.documents} documents, no writes meanwhile; both sides sync and rename"]
    source = setting.snapshotted()
    with setting.fresh("saving") as folder, ExitStack() as stack:
        shutil.copytree(source, folder / "ours")
        db = stack.enter_context(fluxdb.open(str(folder / "ours"), limits=NO_CHECKPOINTS))
        try:
            server = stack.enter_context(Redis(redis_folder(setting)))
        except MissingPeerError as error:
            server = None
            notes.append(str(error))
        turns = []
        for number in range(setting.pick(7, 2)):
            db.set(documents.key(number), documents.value(number + 1))
            ours = seconds(db.checkpoint)
            turns.append(Turn(ours, seconds(server.save) if server else None))
    return Measurement(turns[1:], notes)
