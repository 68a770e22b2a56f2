"""``fluxdb-client``: one command, or a shell, on a server."""
