"""G8 at full size: 1,000 subscribers that read nothing, and a server that may use 128 MiB."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.wire import PATIENCE_SECONDS, Process, Wire
from tests.support import memory_group
from tests.support.herd import Herd, allow_descriptors, stalled
from tests.support.memory_group import MemoryGroup

STALLED = 1_000
LIMIT_BYTES = 128 << 20
# How long a value is, and how much of what is sent the system may hold for a client: with little room there, nearly all
# that waits for a client waits in the server.
SHAPES = [(500, 256 * 1024), (16_000, 256 * 1024), (16_000, 16 * 1024)]
NO_GROUP = "NOT RUN: needs a cgroup that limits memory"  # as tests/conftest.py knows it


@pytest.fixture
def group() -> Iterator[MemoryGroup]:
    reason = memory_group.why_not()
    if reason:
        pytest.skip(f"{NO_GROUP}: {reason}")
    with memory_group.memory_group(LIMIT_BYTES) as made:
        yield made


def write_until_evicted(writer: Wire, value_bytes: int) -> int:
    """How many writes that took; each was acknowledged."""
    written = 0
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        requests = [{"kind": "set", "key": "news", "value": f"{written + i}".ljust(value_bytes, "x")} for i in range(8)]
        assert [reply["version"] for reply in writer.ask(*requests)] == list(range(written + 1, written + 9))
        written += 8
        info = writer.ask({"kind": "info"})[0]["info"]
        if info["subscriber_evictions"] == STALLED:
            assert info["subscribers"] == 0
            return written
        assert time.monotonic() < until, f"{info['subscribers']} who read nothing are subscribed still"


def check_told(answer: bytes) -> None:
    """The events in their order, that there are no more, and the reply to what was asked meanwhile."""
    told = [json.loads(line) for line in answer.splitlines()]
    events = [line["event"]["revision"] for line in told if line["kind"] == "event"]
    assert events == list(range(1, len(events) + 1))
    assert [line for line in told if line["kind"] == "evicted"] == [
        {"kind": "evicted", "key": "news", "last_revision": events[-1] if events else 0}
    ]
    assert [line for line in told if line["kind"] == "pong"] == [{"kind": "pong", "id": "meanwhile"}]
    assert told[-1]["kind"] in ("evicted", "pong")


@pytest.mark.root
@pytest.mark.guarantee(8)
@pytest.mark.parametrize(("value_bytes", "send_buffer_bytes"), SHAPES)
def test_g8_1000_stalled_subscribers_are_evicted_and_told_within_128_mib(
    tmp_path: Path, group: MemoryGroup, value_bytes: int, send_buffer_bytes: int
) -> None:
    assert allow_descriptors(STALLED + 200) >= STALLED + 200, "too few descriptors are allowed for this test"
    arguments = ("--port", "0", "--data-dir", str(tmp_path), "--send-buffer-bytes", str(send_buffer_bytes))
    with Process(*arguments, prefix=group.prefix) as server, Wire(server.port) as writer:
        with stalled(server.port, "news", STALLED) as herd:
            written = write_until_evicted(writer, value_bytes)
            assert group.oom_kills == 0
            herd.send(b'{"kind":"ping","id":"meanwhile"}\n')
            assert writer.ask({"kind": "get", "key": "news"})[0]["doc"]["version"] == written
            answers = herd.read_until(lambda got: b'"kind":"evicted"' in got and b'"id":"meanwhile"' in got)
            for answer in answers:
                check_told(answer)
            check_can_begin_again(herd, writer)
        assert group.oom_kills == 0
        assert group.peak_bytes <= LIMIT_BYTES
        code, errors = server.stop()
    assert code == 0
    assert "Traceback" not in errors


def check_can_begin_again(herd: Herd, writer: Wire) -> None:
    herd.send(b'{"kind":"subscribe","key":"news"}\n')
    herd.read_until(lambda got: b'"kind":"subscribed"' in got)
    version = writer.ask({"kind": "set", "key": "news", "value": 1})[0]["version"]
    for answer in herd.read_until(lambda got: b'"kind":"event"' in got):
        assert json.loads(answer)["event"]["version"] == version
