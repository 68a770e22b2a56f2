"""What everything in the core stands on: the platform, checksums, keys, locks, durations."""
