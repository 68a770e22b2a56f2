"""The base of the core: the platform, checksums, keys, locks, durations."""
