"""A server's numbers in the text format of Prometheus. Each is read from where it is counted anyway, when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from fluxdb.errors import ClosedError

if TYPE_CHECKING:
    from fluxdb.net.certificate import Certificate
    from fluxdb.net.server import Server
    from fluxdb.net.web.server import WebServer

NS = 1e9
SYNC_BUCKETS = range(13, 35)  # of the histogram by bits of nanoseconds: 8 us to 17 s
SYNC_SECONDS = [(1 << i) / NS for i in SYNC_BUCKETS]
GROUP_BUCKETS = range(18)  # by bits of records: 1 to 131,071


def render(server: Server, web: WebServer | None = None, certificate: Certificate | None = None) -> bytes:
    """All numbers of the server, its live page and its certificate; of one whose engine is closed: those that are
    left."""
    registry = CollectorRegistry()
    registry.register(_Numbers(server, web, certificate))
    return generate_latest(registry)


class _Numbers(Collector):
    def __init__(self, server: Server, web: WebServer | None, certificate: Certificate | None) -> None:
        self._server = server
        self._web = web
        self._certificate = certificate

    def describe(self) -> list[Metric]:
        return []  # else it would collect all once more when it is registered

    def collect(self) -> Iterator[Metric]:
        server = self._server
        build = GaugeMetricFamily("fluxdb_build_info", "The version of FluxDB.", labels=["version"])
        build.add_metric([server.version], 1)
        yield build
        commands = CounterMetricFamily("fluxdb_commands", "Requests answered.", labels=["command", "status"])
        for command, (answered, refused) in server.counts.items():
            if command != "invalid":  # what could not be read is never answered with ok
                commands.add_metric([command, "ok"], answered)
            commands.add_metric([command, "error"], refused)
        yield commands
        durations = HistogramMetricFamily(
            "fluxdb_command_duration_seconds",
            "Time from reading a request to answering it; for writes, of those that took effect.",
            labels=["command"],
        )
        for command, (total_ns, counts) in server.durations.items():
            durations.add_metric([command], _cumulative(counts, SYNC_BUCKETS, SYNC_SECONDS), total_ns / NS)
        yield durations
        yield GaugeMetricFamily("fluxdb_connections", "Clients connected.", server.connections)
        refused = server.connections_refused
        yield CounterMetricFamily("fluxdb_connections_refused", "Clients rejected because of connections_max.", refused)
        if self._web is not None:
            yield GaugeMetricFamily("fluxdb_web_connections", "WebSockets that are open.", self._web.connections)
        if self._certificate is not None and self._certificate.expires_at is not None:
            yield GaugeMetricFamily(
                "fluxdb_certificate_expiry_timestamp_seconds",
                "When the certificate that new connections get expires, in seconds since 1970.",
                self._certificate.expires_at,
            )
        try:
            info = server.engine.info()
        except ClosedError:
            return
        yield from _of_engine(info, server.engine.snapshots.last_checkpoint_at)


def _of_engine(info: dict[str, Any], last_checkpoint_at: float) -> Iterator[Metric]:
    commits = info["commits"]
    yield GaugeMetricFamily("fluxdb_keys", "Documents.", info["keys"])
    yield GaugeMetricFamily("fluxdb_revision", "The revision of the last write.", info["revision"])
    yield GaugeMetricFamily("fluxdb_data_bytes", "Bytes of keys and values.", info["data_bytes"])
    yield GaugeMetricFamily("fluxdb_disk_bytes", "Bytes of the data folder's files on the disk.", info["disk_bytes"])
    yield GaugeMetricFamily("fluxdb_memory_bytes", "Resident memory of the server.", info["memory_bytes"])
    yield GaugeMetricFamily("fluxdb_uptime_seconds", "Since the database was opened.", info["uptime_seconds"])
    yield GaugeMetricFamily("fluxdb_wal_bytes", "Bytes of log since the last checkpoint.", info["log_bytes"])
    yield GaugeMetricFamily("fluxdb_subscribers", "Subscriptions.", info["subscribers"])
    evictions = info["subscriber_evictions"]
    yield CounterMetricFamily("fluxdb_subscriber_evictions", "Subscribers that fell behind.", evictions)
    queued = info["queued_event_bytes"]
    yield GaugeMetricFamily("fluxdb_queued_event_bytes", "Memory of the events that wait for subscribers.", queued)
    yield GaugeMetricFamily(
        "fluxdb_last_checkpoint_timestamp_seconds",
        "When this server last wrote a checkpoint, in seconds since 1970; 0: not yet.",
        last_checkpoint_at,
    )
    syncs = HistogramMetricFamily("fluxdb_wal_fsync_duration_seconds", "How long a sync of the log took.")
    sync_seconds = commits["fsync_ns_total"] / NS
    syncs.add_metric([], _cumulative(commits["fsync_ns_histogram"], SYNC_BUCKETS, SYNC_SECONDS), sync_seconds)
    yield syncs
    groups = HistogramMetricFamily("fluxdb_commit_group_size", "Writes that share one sync.")
    sizes = [float((1 << i) - 1) for i in GROUP_BUCKETS][1:]
    counts = commits["group_records_histogram"]
    groups.add_metric([], _cumulative(counts, GROUP_BUCKETS[1:], sizes), commits["records"])
    yield groups


def _cumulative(counts: Sequence[int], buckets: range, bounds: Sequence[float]) -> list[tuple[str, float]]:
    """Return how many values of a histogram by bits are at or below each bound; the last bound is infinity."""
    below = [(str(bound), float(sum(counts[: i + 1]))) for i, bound in zip(buckets, bounds, strict=True)]
    return [*below, ("+Inf", float(sum(counts)))]
