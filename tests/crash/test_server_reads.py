"""The view of a server's clients on a write that is not durable yet (G1)."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from fluxdb.model import Kind
from tests.net.wire import Wire, threaded
from tests.support.shim import Call, Shim
from tests.support.worker import Worker


def asked_while_the_sync_is_held(path: str, kind: int, text: str | None) -> dict[str, Any]:
    """Return what one client reads, and gets next, before and after the sync of a write; in a worker."""
    shim = Shim()
    shim.begin(path)
    get = {"kind": "get", "key": "a"}
    with threaded(Path(path) / "db") as server, Wire(server.port) as client:
        client.ask({"kind": "set", "key": "a", "value": 1}, {"kind": "subscribe", "key": "a"})
        argument = None if text is None else text.encode()
        held = shim.hold(Call.SYNC, part="log-")
        writer = threading.Thread(target=server.engine.committer.write, args=(Kind(kind), "a", argument))
        writer.start()
        held.wait()
        before = client.ask(get, {"kind": "ping"})  # an event would come in between, or before
        held.release()
        writer.join()
        after = sorted((client.line(), client.ask(get)[0]), key=lambda line: str(line["kind"]))
    shim.end()
    return {"before": before, "after": after}


@pytest.mark.guarantee(1)
@pytest.mark.parametrize(
    ("kind", "text", "document"),
    [
        (Kind.SET, "2", {"value": 2, "version": 2}),
        (Kind.PATCH, '{"x":2}', {"value": {"x": 2}, "version": 2}),
        (Kind.DELETE, None, None),
    ],
)
def test_g1_no_client_reads_or_is_told_of_a_write_before_it_is_durable(
    worker: Worker, tmp_path: Path, kind: Kind, text: str | None, document: Any
) -> None:
    said = worker.call(f"{__name__}:asked_while_the_sync_is_held", path=str(tmp_path), kind=int(kind), text=text)
    assert said["before"] == [{"kind": "value", "doc": {"value": 1, "version": 1}}, {"kind": "pong"}]
    event, value = said["after"]
    assert (event["kind"], event["event"]["old"], event["event"]["version"]) == ("event", 1, 2)
    assert value == {"kind": "value", "doc": document}
