"""Health of a server: the one place that collects the reasons why it would reject a write, for ``/healthz``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fluxdb.net.server import Server


def problems(server: Server) -> list[str]:
    """Return why writes would be rejected now, a sentence for each reason; empty: the server is healthy.

    After a full disk, only trying to allocate room for the log tells whether it has room again. A thread of the engine
    does this when asked here, so a later check finds the server healthy, with or without a write in between.
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
