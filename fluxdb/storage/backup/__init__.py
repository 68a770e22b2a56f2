"""Backups: a complete database at one revision in a new folder, while writers continue."""
