"""Whether a server would take a write: the one place that collects what speaks against it, for ``/healthz``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fluxdb.net.server import Server


def problems(server: Server) -> list[str]:
    """Say why no write would be taken now, a sentence each; none: the server is healthy.

    Where the disk was full it is known only by trying to have room for the log, which a thread of the engine does
    when asked here: once there is room, the next who looks finds it so, whether a write came meanwhile or not.
    """
    engine = server.engine
    committer = engine.committer
    if server.closing or engine.closed or committer.closed:
        return ["the server is closing"]
    found = []
    if committer.poisoned:
        found.append(f"the log failed ({committer.poisoned}): fix the disk, then restart the server")
    if committer.displaced:
        found.append(committer.displaced)
    if committer.refusing:
        engine.snapshots.ask_spare()
        found.append("there is no room on the disk for the log")
    if failure := committer.checkpoint_failure:
        found.append(f"the log is at its limit (log_bytes_max), and the checkpoint failed: {failure}")
    bound = server.limits.sync_stalled_seconds
    if bound and (seconds := committer.writing_seconds) > bound:
        found.append(f"the disk does not answer: a sync has taken {seconds:.0f} seconds so far (sync_stalled_seconds)")
    return found
