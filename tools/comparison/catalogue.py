"""Every figure, in the order of the table. The modules that need the database are imported when they are measured."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial

from tools.comparison.figure import Bound, Figure, Measurement
from tools.comparison.setting import Setting

NETWORK = "Over the network"
PROCESS = "In process"
LARGE = "Large databases"
RANGES = "Ranges and batches"
TOLD = "Subscribers"
PEERS = "Other stores, for orientation"


def measure(name: str, setting: Setting) -> Measurement:
    """By "module:function". A broken or missing module then fails its own figures, not the whole run."""
    module, _, function = name.partition(":")
    found: Callable[[Setting], Measurement] = getattr(importlib.import_module(f"{__package__}.{module}"), function)
    return found(setting)


def bound(text: str) -> Bound | None:
    """``">= 1.1x"`` bounds the ratio, ``"<= 160"`` our own value, ``""`` nothing."""
    if not text:
        return None
    relation, limit = text.split()
    return Bound(
        "ratio" if limit.endswith("x") else "ours", "<=" if relation == "<=" else ">=", float(limit.rstrip("x"))
    )


def _rows(group: str, *rows: tuple[str, str, str, str, str, str, str]) -> tuple[Figure, ...]:
    """A figure's name, title, other side, unit, measuring function, must and aim."""
    return tuple(
        Figure(name, title, other, unit, partial(measure, measured_by), bound(must), bound(aim), group)
        for name, title, other, unit, measured_by, must, aim in rows
    )


# fmt: off
FIGURES = (
    *_rows(
        NETWORK,
        ("net-set", "SET, 100 connections, 1 in flight", "Redis", "/s", "network:set_rate", ">= 1.1x", ">= 1.6x"),
        ("net-set-p99", "the same, p99", "Redis", "us", "network:set_p99", "<= 1x", ""),
        ("net-get", "GET, 100 connections, 1 in flight", "Redis", "/s", "network:get_rate", ">= 1x", ">= 1.2x"),
        ("net-get-p99", "the same, p99", "Redis", "us", "network:get_p99", "", ""),
        ("net-mixed", "MIXED, 100 connections, 1 in flight", "Redis, SET for PATCH", "/s",
         "network:mixed_rate", ">= 1x", ">= 1.5x"),
        ("net-mixed-p99", "the same, p99", "Redis, SET for PATCH", "us", "network:mixed_p99", "", ""),
        ("net-set-16", "SET, 100 connections, 16 in flight", "Redis", "/s", "network:set_rate_16",
         ">= 0.7x", ">= 1.2x"),
        ("net-get-16", "GET, 100 connections, 16 in flight", "Redis", "/s", "network:get_rate_16",
         ">= 1x", ">= 1.5x"),
        ("net-set-1kb", "SET of 1 KB, 100 connections", "Redis", "/s", "large_values:set_1kb", ">= 0.8x", ">= 1.2x"),
        ("net-get-1kb", "GET of 1 KB, 100 connections", "Redis", "/s", "large_values:get_1kb", ">= 0.8x", ">= 1.2x"),
        ("net-set-100kb", "SET of 100 KB, 10 connections", "Redis", "/s", "large_values:set_100kb",
         ">= 0.8x", ">= 1.2x"),
        ("net-get-100kb", "GET of 100 KB, 10 connections", "Redis", "/s", "large_values:get_100kb",
         ">= 0.8x", ">= 1.2x"),
        ("net-set-1mb", "SET of 1 MB, 4 connections", "Redis", "/s", "large_values:set_1mb", ">= 0.8x", ">= 1.2x"),
        ("net-get-1mb", "GET of 1 MB, 4 connections", "Redis", "/s", "large_values:get_1mb", ">= 0.8x", ">= 1.2x"),
        ("reply-100kb", "GET of 100 KB over TCP, our client", "our Unix socket", "ms", "large_values:reply_100kb",
         "<= 2x", ""),
        ("reply-1mb", "GET of 1 MB over TCP, our client", "our Unix socket", "ms", "large_values:reply_1mb",
         "<= 2x", ""),
        ("reply-15mb", "GET of 15 MB over TCP, our client", "our Unix socket", "ms", "large_values:reply_15mb",
         "<= 2x", ""),
        ("net-set-one", "SET, one connection, p50", "Redis", "us", "network:set_one_p50", "<= 0.9x", "<= 0.7x"),
        ("net-etcd-set", "SET, 100 connections, 1 in flight", "etcd: Put", "/s", "etcd:set_rate", "", ""),
        ("net-etcd-get", "GET, 100 connections, 1 in flight", "etcd: Range", "/s", "etcd:get_rate", "", ""),
    ),
    *_rows(
        PROCESS,
        ("lone-set", "one thread, SET, p50", "bare pwrite + fdatasync", "us", "writes:lone_p50", "<= 1.3x", "<= 1.1x"),
        ("lone-set-rate", "one thread, SET", "SQLite WAL FULL", "/s", "embedded:lone_rate", ">= 1.1x", ">= 1.3x"),
        ("threads-set-rate", "16 threads, SET", "SQLite, one writer", "/s", "embedded:threads_rate", ">= 4x", ">= 7x"),
        ("coroutines-set-rate", "100 coroutines, SET", "bare, one at a time", "/s", "writes:coroutines_rate",
         ">= 15x", ">= 30x"),
        ("coroutines-net-set", "100 coroutines, SET", "our network SET, 100 connections", "/s",
         "network:coroutines_against_network", ">= 1.8x", ">= 4x"),
        ("mixed-p99", "one thread, MIXED, p99", "p99 of SET", "us", "writes:mixed_p99_one_thread",
         "<= 1.5x", "<= 1.1x"),
        ("mixed-p99-coroutines", "100 coroutines, MIXED, p99", "p99 of SET", "us", "writes:mixed_p99_coroutines",
         "<= 1.5x", "<= 1.1x"),
        ("get-rate", "GET of 50 bytes", "orjson.loads(dict[key])", "k/s", "plain:get_rate", ">= 0.4x", ">= 0.8x"),
        ("merge-flat-strings", "merge-patch of 1 KB, flat strings", "orjson and Python", "k/s",
         "plain:flat_strings_rate", ">= 5x", ">= 20x"),
        ("merge-nested", "merge-patch of 1 KB, nested", "orjson and Python", "k/s",
         "plain:nested_rate", ">= 5x", ">= 20x"),
        ("merge-numbers", "merge-patch of 1 KB, numbers", "orjson and Python", "k/s",
         "plain:numbers_rate", ">= 5x", ">= 20x"),
    ),
    *_rows(
        RANGES,
        ("scan-full", "full scan, parsed", "py-lmdb cursor and orjson", "k/s", "ranges:scan_rate",
         ">= 0.7x", ">= 1.2x"),
        ("scan-keys", "all keys in order", "py-lmdb cursor of keys", "k/s", "ranges:keys_rate", ">= 0.8x", ">= 1.5x"),
        ("scan-range-100", "100 documents from a random place on, parsed", "py-lmdb cursor and orjson", "us",
         "ranges:range_time", "<= 1x", "<= 0.7x"),
        ("net-scan-100", "100 documents from a random place on, one connection", "Redis ZRANGEBYLEX, MGET", "/s",
         "ranges:network_range_time", ">= 1x", ">= 1.5x"),
        ("get-many-100", "100 random keys of 5,000,000 in one get_many", "our GET, one by one", "k/s",
         "scale:get_many_rate", ">= 2x", ">= 3x"),
        ("batch-10", "a batch of 10, p50", "bare write + fdatasync", "us", "batches:bare_10", "", ""),
        ("batch-100", "a batch of 100, p50", "bare write + fdatasync", "us", "batches:bare_100", "<= 2x", "<= 1.3x"),
        ("batch-1000", "a batch of 1,000, p50", "RocksDB WriteBatch, synced", "us", "batches:rocksdb_1000",
         "<= 0.9x", "<= 0.5x"),
        ("batch-1000-bare", "a batch of 1,000, p50", "bare write + fdatasync", "us", "batches:bare_1000", "", ""),
        ("batch-1000-sqlite", "a batch of 1,000, p50", "SQLite WAL FULL", "us", "batches:sqlite_1000", "", ""),
        ("batch-1000-lmdb", "a batch of 1,000, p50", "LMDB", "us", "batches:lmdb_1000", "", ""),
    ),
    *_rows(
        TOLD,
        ("told-10000", "events of writes to 10,000 subscribers in process", "", "k/s",
         "telling:in_process", ">= 500", ">= 2000"),
        ("told-network", "events of writes to 100 connections", "Redis PUBLISH", "k/s",
         "telling:over_network", ">= 0.7x", ">= 1.2x"),
    ),
    *_rows(
        LARGE,
        ("memory", "memory per document", "Redis used_memory per key", "B", "snapshots:bytes_per_document",
         "<= 1.2x", "<= 1x"),
        ("memory-own", "memory per document", "", "B", "snapshots:own_bytes_per_document", "<= 121", "<= 105"),
        ("index-memory", "memory of the index of keys, per document", "", "B", "snapshots:index_bytes_per_document",
         "<= 24", "<= 12"),
        ("backup-p99", "100 coroutines, p99 of SET during a backup", "p99 without", "us", "checkpointing:p99_backup",
         "<= 5x", "<= 1.5x"),
        ("checkpoint", "a checkpoint", "Redis SAVE", "s", "snapshots:checkpoint", "<= 1.5x", "<= 0.8x"),
        ("open-snapshot", "opening a snapshot", "Redis loads its RDB", "s", "snapshots:open_snapshot",
         "<= 1.5x", "<= 0.8x"),
        ("replay-rate", "replay of log records", "", "k/s", "snapshots:replay_rate", ">= 500", ">= 2000"),
        ("checkpoint-p99", "one thread, p99 of SET during a checkpoint", "p99 without", "us",
         "checkpointing:p99_one_thread", "<= 5x", "<= 1.5x"),
        ("checkpoint-p99-coroutines", "100 coroutines, p99 of SET during a checkpoint", "p99 without", "us",
         "checkpointing:p99_coroutines", "<= 5x", "<= 1.5x"),
        ("large-get", "one thread, GET at 5,000,000 documents", "at 10,000", "k/s", "scale:get_rate",
         ">= 0.8x", ">= 0.95x"),
        ("large-get-dict", "one thread, GET at 5,000,000 documents", "a dict of JSON", "k/s",
         "scale:get_rate_of_dict", "", ""),
        ("large-set", "100 coroutines, SET at 5,000,000 documents", "at 10,000", "/s", "scale:set_rate",
         ">= 0.8x", ">= 0.95x"),
        ("large-net-get", "100 connections, GET at 5,000,000 documents", "at 10,000", "/s",
         "scale:network_get_rate", ">= 0.8x", ">= 0.95x"),
        ("large-net-set", "100 connections, SET at 5,000,000 documents", "at 10,000", "/s",
         "scale:network_set_rate", ">= 0.8x", ">= 0.95x"),
    ),
    *_rows(
        PEERS,
        ("lmdb-set", "one thread, SET", "LMDB", "/s", "embedded:lmdb_set", "", ""),
        ("lmdb-threads", "16 threads, SET", "LMDB, 16 threads", "/s", "embedded:lmdb_threads", "", ""),
        ("lmdb-get", "one thread, GET", "LMDB", "k/s", "embedded:lmdb_get", "", ""),
        ("rocksdb-set", "one thread, SET", "RocksDB sync", "/s", "embedded:rocksdb_set", "", ""),
        ("rocksdb-threads", "16 threads, SET", "RocksDB sync, 16 threads", "/s", "embedded:rocksdb_threads", "", ""),
        ("rocksdb-get", "one thread, GET", "RocksDB", "k/s", "embedded:rocksdb_get", "", ""),
        ("sqlite-get", "one thread, GET", "SQLite", "k/s", "embedded:sqlite_get", "", ""),
    ),
)
# fmt: on
