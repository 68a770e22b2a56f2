"""Snapshots: their format, who writes and who reads them."""
