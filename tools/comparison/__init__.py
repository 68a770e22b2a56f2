"""FluxDB and its peers, side by side in one run: what ``tools/compare`` runs.

Reading the source: ``main.run`` goes through the figures of ``catalogue``; each is measured in turns
(``figure.alternate``) into a ``figure.Measurement``; ``report`` prints the table.
The other sides are in ``servers`` (Redis), ``embedded`` (SQLite, LMDB, RocksDB), ``etcd`` and ``writes`` (a bare log).
"""
