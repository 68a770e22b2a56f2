"""``fluxdb-server``: settings, and the process from opening the folder to its last message."""
