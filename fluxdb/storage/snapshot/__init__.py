"""Snapshots: format, writer and reader."""
