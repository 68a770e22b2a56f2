"""How long a database takes to open: from a snapshot, and by replay of the log."""

from __future__ import annotations

from tools.comparison.figure import Measurement, Turn
from tools.comparison.memory import redis_folder
from tools.comparison.peers import MissingPeerError
from tools.comparison.redis import Redis
from tools.comparison.setting import Setting


def open_snapshot(setting: Setting) -> Measurement:
    """Seconds of ``fluxdb.open`` against the seconds that redis-server says its own load took. Page cache warm."""
    folder = str(setting.snapshotted())
    notes = [f"{setting.documents} documents, page cache warm"]
    try:
        peer = redis_folder(setting)
    except MissingPeerError as error:
        peer = None
        notes.append(str(error))
    turns = []
    for _ in range(setting.pick(6, 2)):
        ours = setting.child("builds:open_existing", folder=folder)["seconds"]
        other = None
        if peer is not None:
            with Redis(peer) as server:
                other = server.seconds_to_load()
        turns.append(Turn(ours, other))
    return Measurement(turns[1:], notes)


def replay_rate(setting: Setting) -> Measurement:
    """Log records replayed per second, in thousands: the time to open a log alone less that of an empty database."""
    folder = str(setting.logged())
    megabytes = setting.build_facts["log_bytes"] / 1e6
    notes = [f"{setting.documents} records in {megabytes:.0f} MB of log, page cache warm, empty open taken off"]
    turns = []
    with setting.fresh("empty") as empty:
        for _ in range(setting.pick(6, 2)):
            nothing = setting.child("builds:open_existing", folder=str(empty))["seconds"]
            everything = setting.child("builds:open_existing", folder=folder)["seconds"]
            detail = {"open_seconds": everything, "empty_open_seconds": nothing}
            turns.append(Turn(setting.documents / (everything - nothing) / 1e3, None, detail))
    return Measurement(turns[1:], notes)
